"""Extractive question answering: a question and a text in, the part of the text that answers it out.

Shapes: N examples, B batch, S windows, T time.
"""

import re

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from zoo.applications.graphs import graph
from zoo.applications.text_application import TOKENS, TextApplication

from zoo.hub.foreign_bert import read_hf_bert
from zoo.metrics import answer_scores
from zoo.models import Bert, BertSpanFinder
from zoo.preprocessing.text_input import batches, pair_lists, sequence, split_dataset
from zoo.preprocessing.windows import context_windows
from zoo.preprocessing.wordpiece import Pieces, to_text

MAX_QUESTION = 64
NEVER = -1e9  # logit of a position that cannot be


@keras.saving.register_keras_serializable("zoo")
class QuestionAnswerer(TextApplication):
    """Where in a context the answer to a question stands.

    A context that does not fit is read in windows that overlap by `stride` pieces; the answer is the
    likeliest span of whole words of any window.

    Args:
        model: a `zoo.models.BertSpanFinder`.
        preprocessor: a `zoo.preprocessing.TextPreprocessor` with pairs.
        stride: pieces of a context that two windows share.
        max_answer: pieces of the longest answer.
        **kwargs: `name`, `dtype`.

    Raw data x, everywhere: a list of {"question", "context"} dicts or of such pairs. Labels y: for each
    example an answer or a list of answers (the first is learnt), each {"text", "start"} with start in
    characters of the context; an empty list where there is none.

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "who", "ada"]
        >>> bert = zoo.models.bert_tiny(vocabulary_size=6, pooler=None)
        >>> prepare = zoo.preprocessing.TextPreprocessor(vocabulary, pairs=True)
        >>> app = QuestionAnswerer(zoo.models.BertSpanFinder(bert), prepare)
        >>> app.answer([("Who?", "Ada")])[0]["answer"]
        'Ada'
    """

    overrides = ("precision", "max_length", "stride", "max_answer", "lora")
    weighs_examples = False

    def __init__(self, model, preprocessor, stride=128, max_answer=30, **kwargs):
        if not preprocessor.pairs:
            raise ValueError("preprocessor: expected pairs=True, found False")
        super().__init__(model, preprocessor, **kwargs)
        self.stride, self.max_answer = stride, max_answer
        self.build()

    @classmethod
    def from_foreign(cls, folder, config, precision):
        """A folder of Hugging Face's BERT family: with its head for spans, or with a fresh one."""
        has_head = any("QuestionAnswering" in name for name in config.get("architectures") or ())
        options = {"dtype": precision, "pooler": None}
        model = read_hf_bert(folder, Bert, options, BertSpanFinder, fresh_head=True)
        if not has_head:
            print(f"New head: {str(folder)!r} has none for answers")
        length = min(384, model.bert.max_length)
        return cls(model, cls._preprocessor(folder, model.bert, max_length=length, pairs=True))

    @classmethod
    def from_application(cls, application):
        """The encoder of another text application under a fresh head for answers."""
        if not isinstance(application, TextApplication):
            return super().from_application(application)
        print(f"New head: {type(application).__name__} has none for answers")
        model = BertSpanFinder(application.bert_without_pooler())
        length = min(384, model.bert.max_length)
        return cls(model, application.preprocessor.replace(pairs=True, max_length=length))

    def adapt(self, stride=None, max_answer=None, **shared):
        """Applies the overrides of `from_pretrained`."""
        self.adapt_shared(**shared)
        self.stride = self.stride if stride is None else stride
        self.max_answer = max_answer or self.max_answer

    def call(self, inputs, training=None):
        """int [B, T] tokens -> logits float32 [B, 2, T] of an answer's begin and end; [CLS]: no answer."""
        outputs = self.model(inputs, training=training)
        logits = ops.stack([outputs["start"], outputs["end"]], axis=1)
        tokens = ops.cast(inputs["segment_ids"], "float32")
        allowed = ops.concatenate([ops.ones_like(tokens[:, :1]), tokens[:, 1:]], axis=1)
        return ops.where(allowed[:, None] > 0, ops.cast(logits, "float32"), NEVER)

    def loss_and_metrics(self, recipe):
        """Cross-entropy of begin and end, the accuracy of both."""
        return {
            "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "metrics": [keras.metrics.SparseCategoricalAccuracy("accuracy")],
        }

    def examples(self, x):
        """Raw examples to (questions, contexts), lists of str."""
        x = [x] if isinstance(x, dict) else sequence(x, "x")
        rows = []
        for row, example in enumerate(x):
            if isinstance(example, dict):
                if not {"question", "context"} <= set(example):
                    raise ValueError(
                        f'x: expected "question" and "context" in row {row}, found {sorted(example)}'
                    )
                example = (example["question"], example["context"])
            rows.append(example)
        return [[to_text(text) for text in part] for part in pair_lists(rows)]

    def _windows(self, questions, contexts):
        options = self.preprocessor.max_length, self.stride, MAX_QUESTION
        return context_windows(self.preprocessor.tokenizer, questions, contexts, *options)

    def training_data(self, x, y=None, sample_weight=None, batch_size=32, shuffle=True):
        """Examples -> batches of windows (inputs int32 [B, T], positions of begin and end int32 [B, 2])."""
        return self._spans(x, y, batch_size, shuffle)

    def inference_data(self, x, y=None, sample_weight=None, batch_size=32, labelled=True):
        """Examples -> batches of windows, the longest first; inputs only without y or `labelled`."""
        return self._spans(x, y if labelled else None, batch_size, labelled=y is not None and labelled)

    def _spans(self, x, y, batch_size, shuffle=False, labelled=True):
        x, y, _ = split_dataset(x, y)
        if y is None and labelled:
            raise ValueError("y: expected an answer for each row of x, found None")
        questions, contexts = self.examples(x)
        windows = self._windows(tf.constant(questions), tf.constant(contexts))
        parts = [
            Pieces(part.flat_values.numpy(), part.row_splits.numpy())
            for part in (windows.questions, windows.contexts)
        ]
        rows = self.preprocessor.assemble(*parts)
        targets = self._positions(y, contexts, windows, parts[1].lengths) if labelled else None

        def make(index):
            inputs = self.preprocessor.pad(rows, index)
            return (inputs, targets[index]) if labelled else inputs

        signature = (TOKENS, tf.TensorSpec((None, 2), "int32")) if labelled else TOKENS
        drop = shuffle and len(rows.lengths) >= batch_size
        return batches(rows.lengths, make, signature, batch_size, shuffle, drop)

    def _positions(self, y, contexts, windows, lengths):
        """int32 [S, 2]: where the answer begins and ends in each window; 0 where it is not inside."""
        if len(y) != len(contexts):
            raise ValueError(f"y: expected {len(contexts)} answers, one for each row of x, found {len(y)}")
        begins, ends = windows.begins.numpy(), windows.ends.numpy()
        bounds = np.append(windows.first_piece.numpy(), len(begins))
        spans = []
        for row, (answers, context) in enumerate(zip(y, contexts, strict=True)):
            answers = answers if isinstance(answers, (list, tuple)) else [answers]
            spans.append(None)
            if not answers:
                continue
            text, start = self._answer(answers[0], context, row)
            mine = slice(bounds[row], bounds[row + 1])
            touched = np.flatnonzero((ends[mine] > start) & (begins[mine] < start + len(text)))
            if len(touched):
                spans[-1] = touched[0], touched[-1]
        targets = np.zeros((len(lengths), 2), "int32")
        offset, begin = windows.offset.numpy(), windows.begin.numpy()
        for i, row in enumerate(windows.example.numpy()):
            span = spans[row]
            if span and begin[i] <= span[0] and span[1] < begin[i] + lengths[i]:
                targets[i] = np.array(span) - begin[i] + offset[i]
        return targets

    def _answer(self, answer, context, row):
        if not isinstance(answer, dict) or not {"text", "start"} <= set(answer):
            raise ValueError(f'y: expected {{"text", "start"}} in row {row}, found {answer!r:.60}')
        text, start = answer["text"], answer["start"]
        if not text or context[start : start + len(text)] != text:
            raise ValueError(
                f"y: expected the answer {text!r:.40} at character {start} of the context in row {row}, "
                f"found {context[start : start + max(1, len(text))]!r:.40}"
            )
        return text, start

    def find(self, questions, contexts):
        """Strings [N] and [N] -> the best spans, as TensorFlow ops; see `signatures` for what comes back."""
        windows = self._windows(questions, contexts)
        inputs = self.preprocessor.assemble_in_graph(windows.questions, windows.contexts)
        probabilities = tf.nn.softmax(self(inputs, training=False))  # [S, 2, T]
        length = tf.shape(probabilities, tf.int64)[2]

        def on_row(flags):  # [P of all] -> float32 [S, T]
            begin = tf.gather(windows.first_piece, windows.example) + windows.begin
            places = tf.ragged.range(begin, begin + windows.contexts.row_lengths())
            inner = tf.cast(tf.gather(flags, places), "float32").to_tensor(0.0)  # [S, (P)]
            inner = tf.pad(inner, [[0, 0], [0, length]])
            back = tf.range(length)[None] - windows.offset[:, None]
            found = tf.gather(inner, tf.maximum(back, 0), batch_dims=1)
            return tf.where(back >= 0, found, 0.0)

        begin = probabilities[:, 0] * on_row(windows.is_first)
        end = probabilities[:, 1] * on_row(windows.is_last)
        spans = begin[..., None] * tf.signal.frame(end, self.max_answer, 1, pad_end=True)  # [S, T, L]
        flat = tf.reshape(spans, (tf.shape(spans)[0], -1))
        best, score = tf.argmax(flat, axis=1), tf.reduce_max(flat, axis=1)  # [S]

        count = tf.size(contexts, tf.int64)
        by_example = tf.RaggedTensor.from_value_rowids(score, windows.example, count)
        window = by_example.row_starts() + tf.argmax(by_example.to_tensor(-1.0), axis=1)  # [N]
        best, score = tf.gather(best, window), tf.gather(score, window)
        start = best // self.max_answer
        piece = windows.first_piece + tf.gather(windows.begin - windows.offset, window) + start
        last = piece + best % self.max_answer
        found = score > 0
        # An appended 0 answers for contexts without a word.
        begins, ends = tf.concat([windows.begins, [0]], 0), tf.concat([windows.ends, [0]], 0)
        first_character = tf.gather(begins, tf.where(found, piece, tf.size(ends, tf.int64) - 1))
        end_character = tf.gather(ends, tf.where(found, last, tf.size(ends, tf.int64) - 1))
        texts = tf.strings.unicode_transcode(contexts, "UTF-8", "UTF-8", errors="replace")
        none = probabilities[:, 0, 0] * probabilities[:, 1, 0]
        return {
            "answer": tf.strings.substr(
                texts, first_character, end_character - first_character, unit="UTF8_CHAR"
            ),
            "score": score,
            "start": first_character,
            "end": end_character,
            "no_answer_score": tf.math.segment_min(none, windows.example),
        }

    def _found(self, x, batch_size):
        questions, contexts = self.examples(x)
        size = self.checked_batch_size(batch_size or min(8, self.recipe.batch_size))
        if getattr(self, "_compiled_find", None) is None:
            text = tf.TensorSpec((None,), "string")
            self._compiled_find = graph(self.find, [text, text])
        parts = [
            self._compiled_find(tf.constant(questions[i : i + size]), tf.constant(contexts[i : i + size]))
            for i in range(0, len(questions), size)
        ]
        return {key: np.concatenate([np.asarray(part[key]) for part in parts]) for key in parts[0]}

    def predict(self, x, batch_size=None, verbose=0, **arguments):
        """Examples to float32 [N, 4]: begin and end of the answer in characters, its score, that of none."""
        found = self._found(x, batch_size)
        keys = ("start", "end", "score", "no_answer_score")
        return np.stack([found[key].astype("float32") for key in keys], axis=1)

    def answer(self, x, may_be_none=False, batch_size=None):
        """The answers to questions.

        Args:
            x: see the class.
            may_be_none: give "" where no answer is likelier than the best one.
            batch_size: examples that are read at once, 8 by default.

        Returns: for each example {"answer", "score", "start", "end"}, the ends in characters of the context.
        """
        found, answers = self._found(x, batch_size), []
        for i, score in enumerate(found["score"]):
            none = float(found["no_answer_score"][i])
            if may_be_none and none > score:
                answers.append({"answer": "", "score": none, "start": 0, "end": 0})
                continue
            text, begin, end = found["answer"][i].decode(), int(found["start"][i]), int(found["end"][i])
            answers.append({"answer": text, "score": float(score), "start": begin, "end": end})
        return answers

    def report(self, x, y, may_be_none=False):
        """Exact match and F1, as SQuAD counts them."""
        truths = [[a["text"] for a in (row if isinstance(row, (list, tuple)) else [row])] for row in y]
        return answer_scores([row["answer"] for row in self.answer(x, may_be_none)], truths)

    def signatures(self):
        """Name -> (function, input specifications) of the exported SavedModel.

        "serving_default" takes `questions` and `contexts`, strings [B], and gives `answer`, `score`, `start`
        and `end` (in characters of the context) and `no_answer_score`, all [B].
        """
        specs = [tf.TensorSpec((None,), "string", name=name) for name in ("questions", "contexts")]
        return {"serving_default": (lambda questions, contexts: self.find(questions, contexts), specs)}

    def export_example(self):
        """Raw inputs on which `export` compares the SavedModel with `predict`."""
        pairs = [("Who is it?", "It is Zoë, naïve as ever."), ("Why?", ""), ("How long?", "so " * 900)]
        raw = {"questions": np.array([q for q, _ in pairs]), "contexts": np.array([c for _, c in pairs])}
        return {"serving_default": (raw, {"score": self.predict(pairs)[:, 2]})}

    def card(self):
        return {
            "task": "question-answering",
            "example": 'app.answer([{"question": "Who?", "context": "It was Ada."}])',
            "input": "a question and a context of any length, " + self.input_text(),
            "output": "the part of the context that answers, its score and where it stands.",
            "limits": "It quotes the context and cannot tell whether that is true.",
        }

    def lines(self, inputs, **options):
        """For `zoo predict`: "QUESTION | CONTEXT", or the two with a tab between them, to answers."""
        pairs = [tuple(part.strip() for part in re.split(r"[|\t]", text, maxsplit=1)) for text in inputs]
        for text, found in zip(inputs, self.answer(pairs), strict=True):
            yield f"{found['answer']}\t{found['score']:.4f}", {"input": text, **found}

    def get_config(self):
        return {**super().get_config(), "stride": self.stride, "max_answer": self.max_answer}
