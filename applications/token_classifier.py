"""Labels for the words of a text: parts of speech, names, chunks.

Shapes: N texts, B batch, T time, W words, K classes.
"""

import itertools

import keras
import numpy as np
import tensorflow as tf
from zoo.applications.text_application import TOKENS, TextApplication, weights_of

from zoo.hub.foreign_bert import hf_labels, read_hf_bert
from zoo.metrics import entity_scores, entity_spans
from zoo.models import Bert, BertTokenClassifier
from zoo.preprocessing.labels import check_label_names
from zoo.preprocessing.text import TokenRows
from zoo.preprocessing.text_input import batches, like_lengths, sequence
from zoo.preprocessing.wordpiece import pieces


@keras.saving.register_keras_serializable("zoo")
class TokenClassifier(TextApplication):
    """A label for every word of a text.

    The label of a word is read at its first piece. Texts longer than `max_length` of the preprocessor are cut
    between words into several rows; a SavedModel labels the first row only.

    Args:
        model: a `zoo.models.BertTokenClassifier` with K outputs.
        preprocessor: a `zoo.preprocessing.TextPreprocessor`, without pairs.
        labels: names of the K classes.
        **kwargs: `name`, `dtype`.

    Raw data x, everywhere: a list of texts, each a list of words, or a string, which is split at spaces and
    around punctuation. Labels y: for each text a list of names, one a word.

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "film"]
        >>> model = zoo.models.BertTokenClassifier(zoo.models.bert_tiny(vocabulary_size=6), num_classes=2)
        >>> app = TokenClassifier(model, zoo.preprocessing.TextPreprocessor(vocabulary), ["jj", "nn"])
        >>> [word["word"] for word in app.tag(["A good film!"])[0]]
        ['A', 'good', 'film', '!']
    """

    overrides = ("labels", "precision", "max_length", "lora")

    def __init__(self, model, preprocessor, labels, **kwargs):
        if preprocessor.pairs:
            raise ValueError("preprocessor: expected pairs=False, found True")
        super().__init__(model, preprocessor, **kwargs)
        self.labels = check_label_names(labels)
        if model.num_classes != len(self.labels):
            raise ValueError(
                f"labels: expected {model.num_classes} names, one for each class of the model, "
                f"found {len(self.labels)}"
            )
        self.build()

    @classmethod
    def from_recipe(cls, recipe, examples):
        """What `recipe` begins with, for the tags of `examples`."""
        options = {"labels": examples.label_names, "precision": recipe.precision}
        return cls.from_pretrained(recipe.start, **recipe.preprocessor, **options)

    @classmethod
    def from_foreign(cls, folder, config, precision):
        """A folder of Hugging Face's BERT family: with its head, or with a fresh one for 2 classes."""
        labels = hf_labels(config) or ("LABEL_0", "LABEL_1")
        has_head = any("TokenClassification" in name for name in config.get("architectures") or ())
        options = {} if has_head else {"num_classes": len(labels)}
        model = read_hf_bert(folder, Bert, {"dtype": precision, "pooler": None}, BertTokenClassifier, options)
        if not has_head:
            print(f"New head: {str(folder)!r} has none; pass labels=[...] for your classes")
        return cls(model, cls._preprocessor(folder, model.bert), labels)

    @classmethod
    def from_application(cls, application):
        """The encoder of another text application under a fresh head for 2 classes."""
        if not isinstance(application, TextApplication):
            return super().from_application(application)
        print(
            f"New head: {type(application).__name__} has none for words; pass labels=[...] for your classes"
        )
        model = BertTokenClassifier(application.bert_without_pooler(), 2)
        return cls(model, application.preprocessor.replace(pairs=False), ("LABEL_0", "LABEL_1"))

    def adapt(self, labels=None, **shared):
        """Other labels (a fresh head, and it says so); `max_length`."""
        self.adapt_shared(**shared)
        labels = self.labels if labels is None else check_label_names(labels)
        if labels != self.labels:
            print(f"New head: {len(self.labels)} labels -> {len(labels)}")
            self.model.replace_head(len(labels))
            self.labels = labels

    def replace_labels(self, labels):
        """Other labels: a fresh head for them. Says so; everything below keeps its weights."""
        self.adapt(labels)

    def loss_and_metrics(self, recipe):
        """Cross-entropy and accuracy, both means over words."""
        return {
            "loss": keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, reduction="mean_with_sample_weight"
            ),
            "weighted_metrics": [keras.metrics.SparseCategoricalAccuracy("accuracy")],
        }

    def words(self, x, name="x"):
        """Texts to lists of words; strings are split as the SavedModel splits them."""
        rows = sequence(x, name)
        if all(isinstance(row, str) for row in rows):
            return self._split(rows)
        for row, words in enumerate(rows):
            listed = isinstance(words, (list, tuple, np.ndarray))
            if not listed or not all(isinstance(word, str) for word in words):
                raise ValueError(f"{name}: expected a list of words in row {row}, found {words!r:.60}")
        return [list(words) for words in rows]

    def _split(self, texts):
        places = self.preprocessor.tokenizer.words_in_graph(tf.constant([text.encode() for text in texts]))
        ends = zip(places.begins.to_list(), places.ends.to_list(), strict=True)
        return [[text[b:e] for b, e in zip(*row, strict=True)] for text, row in zip(texts, ends, strict=True)]

    def rows(self, x, name="x"):
        return self._rows(self.words(x, name))[0]

    def _rows(self, words):
        """(`TokenRows`, number of the text of each row, per row the words' numbers and their positions)."""
        tokens = self.preprocessor.tokenizer.tokenize(list(itertools.chain.from_iterable(words)))
        unknown = self.preprocessor.tokenizer.id_of("[UNK]")
        room, word = self.preprocessor.max_length - 2, 0
        chunks, texts, numbers, places = [], [], [], []
        for text, sentence in enumerate(words):
            chunk, held, starts = [], [], []
            for number in range(len(sentence)):
                ids = tokens.row(word).tolist()[:room] or [
                    unknown
                ]  # a word of nothing but control characters
                word += 1
                if len(chunk) + len(ids) > room:
                    chunks, texts = [*chunks, chunk], [*texts, text]
                    numbers, places = [*numbers, held], [*places, starts]
                    chunk, held, starts = [], [], []
                held.append(number)
                starts.append(len(chunk) + 1)  # behind [CLS]
                chunk.extend(ids)
            chunks.append(chunk)
            texts.append(text)
            numbers.append(held)
            places.append(starts)
        return self.preprocessor.assemble(pieces(chunks)), texts, numbers, places

    def training_data(self, x, y=None, sample_weight=None, batch_size=32, shuffle=True):
        """Texts -> batches (inputs int32 [B, T], label numbers int32 [B, T], weights float32 [B, T])."""
        return self._labelled(x, y, sample_weight, batch_size, shuffle)

    def inference_data(self, x, y=None, sample_weight=None, batch_size=32, labelled=True):
        """Texts -> batches as in training, the longest first; inputs only without y or `labelled`."""
        if y is None or not labelled:
            return self._batches(self.rows(x), None, None, batch_size)
        return self._labelled(x, y, sample_weight, batch_size)

    def _labelled(self, x, y, sample_weight, batch_size, shuffle=False):
        words = self.words(x)
        tags = self._numbers(y, words)
        importance = np.ones(len(words)) if sample_weight is None else weights_of(sample_weight, len(words))
        rows, texts, numbers, places = self._rows(words)
        targets = np.zeros(rows.splits[-1], "int32")
        weights = np.zeros(rows.splits[-1], "float32")
        for row, text in enumerate(texts):
            at = rows.splits[row] + np.array(places[row], "int64")
            targets[at] = tags[text][numbers[row]]
            weights[at] = importance[text]
        target_rows = TokenRows(targets, weights, rows.splits)

        def make(index):
            inputs = self.preprocessor.pad(rows, index)
            shape = inputs["token_ids"].shape
            padded = []
            for values in (target_rows.ids, target_rows.segments):
                array = np.zeros(shape, values.dtype)
                for i, row in enumerate(index):
                    part = values[rows.splits[row] : rows.splits[row + 1]]
                    array[i, : len(part)] = part
                padded.append(array)
            return inputs, *padded

        spec = tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None, None), "float32")
        drop = shuffle and len(texts) >= batch_size
        return batches(rows.lengths, make, (TOKENS, *spec), batch_size, shuffle, drop)

    def _numbers(self, y, words):
        """Lists of label names to arrays of their numbers, checked against the words."""
        if y is None:
            raise ValueError("y: expected a list of labels for each text of x, found None")
        if len(y) != len(words):
            raise ValueError(f"y: expected {len(words)} lists of labels, one for each text, found {len(y)}")
        index = {name: i for i, name in enumerate(self.labels)}
        numbers = []
        for row, (tags, sentence) in enumerate(zip(y, words, strict=True)):
            if not isinstance(tags, (list, tuple, np.ndarray)):
                raise ValueError(f"y: expected a list of labels in row {row}, found {tags!r:.60}")
            if len(tags) != len(sentence):
                raise ValueError(
                    f"y: expected {len(sentence)} labels in row {row}, one a word, found {len(tags)}"
                )
            unknown = [tag for tag in tags if tag not in index]
            if unknown:
                raise ValueError(
                    f"y: expected known labels, found {unknown[0]!r} in row {row}. The application has "
                    f"{len(self.labels)} labels; pass labels=[...] to from_pretrained to train on others."
                )
            numbers.append(np.array([index[tag] for tag in tags], "int32"))
        return numbers

    def predict(self, x, batch_size=None, verbose=0, **arguments):
        """Texts to probabilities, float32 [N, W, K]; zeros behind the last word of a text."""
        words = self.words(x)
        rows, texts, numbers, places = self._rows(words)
        size = self.checked_batch_size(batch_size)
        answer = np.zeros((len(words), max(map(len, words)), len(self.labels)), "float32")
        for index in like_lengths(rows.lengths, size):
            outputs = self.to_answer(self.predict_on_batch(self.preprocessor.pad(rows, index)))
            for row, probabilities in zip(index, outputs, strict=True):
                answer[texts[row], numbers[row]] = probabilities[places[row]]
        return answer

    def to_answer(self, outputs):
        """Logits [..., K] -> probabilities."""
        outputs = np.asarray(outputs, "float32")
        exponents = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return exponents / exponents.sum(axis=-1, keepdims=True)

    def tag(self, x, batch_size=None):
        """Texts to their words with labels: for each text a list of {"word", "label", "score"}."""
        words = self.words(x)
        best = self.predict(words, batch_size=batch_size)
        return [
            [
                {"word": word, "label": self.labels[row[i].argmax()], "score": float(row[i].max())}
                for i, word in enumerate(sentence)
            ]
            for sentence, row in zip(words, best, strict=True)
        ]

    def entities(self, x, batch_size=None):
        """Texts to the entities of BIO labels: lists of {"type", "words", "begin", "end"}, in words."""
        found = []
        for tagged in self.tag(x, batch_size):
            words = [entry["word"] for entry in tagged]
            spans = entity_spans([entry["label"] for entry in tagged])
            found.append([{"type": t, "words": words[b:e], "begin": b, "end": e} for t, b, e in spans])
        return found

    def report(self, x, y, batch_size=None):
        """Precision, recall and F1 of whole entities (BIO labels), and the accuracy of labels."""
        words = self.words(x)
        self._numbers(y, words)
        found = [[entry["label"] for entry in row] for row in self.tag(words, batch_size)]
        return entity_scores([list(row) for row in y], found)

    def signatures(self):
        """Name -> (function, input specifications) of the exported SavedModel.

        "serving_default" takes `texts`, strings [B]; gives `words` and `labels`, strings [B, W], "" behind
        the last one, `scores` [B, W] and `probabilities` [B, W, K], zeros there.
        """
        names = tf.constant(["", *self.labels])

        def answer(texts):
            places = self.preprocessor.tokenizer.words_in_graph(texts)
            inputs = self.preprocessor.assemble_in_graph(places.ids.merge_dims(1, 2))
            logits = tf.cast(self.model(inputs, training=False), "float32")
            count = places.ids.row_lengths(axis=2)  # [B, (W)], pieces of each word
            first = tf.cumsum(count.to_tensor(0), axis=1, exclusive=True) + 1  # behind [CLS]
            last = tf.reduce_sum(inputs["attention_mask"], axis=1, keepdims=True) - 1  # [SEP]
            inside = tf.sequence_mask(count.row_lengths(), tf.shape(first)[1])
            inside &= first < tf.cast(last, first.dtype)
            probabilities = tf.gather(tf.nn.softmax(logits), tf.where(inside, first, 0), batch_dims=1)
            probabilities *= tf.cast(inside, "float32")[..., None]  # [B, W, K]
            best = tf.where(inside, tf.argmax(probabilities, axis=-1) + 1, 0)
            return {
                "words": self._words_in_graph(texts, places, inside),
                "labels": tf.gather(names, best),
                "scores": tf.reduce_max(probabilities, axis=-1),
                "probabilities": probabilities,
            }

        return {"serving_default": (answer, self.text_specs())}

    def _words_in_graph(self, texts, places, inside):
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        begins, ends = places.begins.to_tensor(0), places.ends.to_tensor(0)
        texts = tf.broadcast_to(texts[:, None], tf.shape(begins))
        words = tf.strings.substr(texts, begins, ends - begins, unit="UTF8_CHAR")
        return tf.where(inside, words, "")

    def text_example(self):
        texts = ["Alice, 30, lives in São Paulo!", "", "Yes"]
        return {"texts": np.array(texts)}, texts

    def export_example(self):
        """Raw inputs on which `export` compares the SavedModel with `predict`."""
        raw, x = self.text_example()
        probabilities = self.predict(x)
        expected = {"probabilities": probabilities, "scores": probabilities.max(axis=-1)}
        return {"serving_default": (raw, expected)}

    def card(self):
        shown = ", ".join(self.labels[:20]) + (", ..." if len(self.labels) > 20 else ".")
        return {
            "task": "token-classification",
            "example": 'app.tag(["Alice lives in Prague."])',
            "input": self.input_text(),
            "output": f"one of {len(self.labels)} labels a word: {shown}",
            "limits": "Words are split at spaces and around punctuation, as in its training data or not.",
        }

    def lines(self, inputs, **options):
        """For `zoo predict`: texts to word/label sequences."""
        for text, tagged in zip(inputs, self.tag(list(inputs)), strict=True):
            yield " ".join(f"{t['word']}/{t['label']}" for t in tagged), {"text": text, "words": tagged}

    def get_config(self):
        return {**super().get_config(), "labels": list(self.labels)}
