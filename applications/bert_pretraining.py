"""BERT's pretraining from plain documents: masked tokens and next sentences (arXiv:1810.04805, section 3.1).

Shapes: N pairs, B batch, T time, M masked positions of a row, V vocabulary.
"""

import keras
import numpy as np
import tensorflow as tf
from zoo.applications.masked_lm import fresh_encoder
from zoo.applications.text_application import TOKENS, TextApplication

from zoo.hub.foreign_bert import read_hf_bert
from zoo.models import Bert, BertMaskedLM
from zoo.preprocessing.masking import WordMasker
from zoo.preprocessing.sentence_pairs import SentencePairs
from zoo.preprocessing.text_input import batches, like_lengths, split_dataset, text_list

INTS, FLOATS = (tf.TensorSpec((None, None), dtype) for dtype in ("int32", "float32"))


@keras.saving.register_keras_serializable("zoo")
class BertPretraining(TextApplication):
    """A BERT that learns from documents: which tokens are hidden, and whether a text follows another.

    Every epoch cuts the documents into other pairs and hides other words, whole ones (arXiv:1907.11692,
    section 4.1). What it learnt goes on in the other applications: `MaskedLM.from_pretrained(folder)`,
    `TextClassifier.from_pretrained(folder, labels=[...])` take a folder of its `save_pretrained`.

    Args:
        model: a `zoo.models.BertMaskedLM` with `next_sentence`.
        preprocessor: a `zoo.preprocessing.TextPreprocessor` with pairs, whose vocabulary has [MASK].
        mask_share: share of the tokens that are hidden in training.
        **kwargs: `name`, `dtype`.

    Raw data x: in `fit` and `evaluate` a list, array or tf.data.Dataset of documents, two or more strings; y
    is None. In `predict` pairs of strings.

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "it", "rains", "."]
        >>> model = zoo.models.BertMaskedLM(zoo.models.bert_tiny(vocabulary_size=8), next_sentence=True)
        >>> app = BertPretraining(model, zoo.preprocessing.TextPreprocessor(vocabulary, pairs=True))
        >>> app.predict([("It rains.", "It rains.")]).shape
        (1,)
    """

    overrides = ("precision", "max_length", "mask_share")
    weighs_examples = False

    def __init__(self, model, preprocessor, mask_share=0.15, **kwargs):
        if not preprocessor.pairs:
            raise ValueError("preprocessor: expected pairs=True, found False")
        if not model.next_sentence:
            raise ValueError("model: expected one with next_sentence=True, found False")
        super().__init__(model, preprocessor, **kwargs)
        self.mask_share = WordMasker(preprocessor.tokenizer, mask_share).share
        self.build()

    @classmethod
    def from_recipe(cls, recipe, examples):
        """What `recipe` begins with: `recipe.start`, or a fresh network with a vocabulary of the texts."""
        if recipe.start:
            return cls.from_pretrained(recipe.start, **recipe.preprocessor, precision=recipe.precision)
        bert, preprocessor = fresh_encoder(recipe, examples, pairs=True, pooler="tanh")
        return cls(BertMaskedLM(bert, next_sentence=True), preprocessor)

    @classmethod
    def from_foreign(cls, folder, config, precision):
        """A folder of Hugging Face's BERT that has the heads of pretraining."""
        model = read_hf_bert(folder, Bert, {"dtype": precision}, BertMaskedLM, {"next_sentence": True})
        return cls(model, cls._preprocessor(folder, model.bert, pairs=True))

    def adapt(self, mask_share=None, **shared):
        """Applies the overrides of `from_pretrained`."""
        self.adapt_shared(**shared)
        self.mask_share = mask_share or self.mask_share

    def loss_and_metrics(self, recipe):
        """The sum of two cross-entropies, means over hidden tokens and over pairs; the accuracy of each."""
        accuracy = keras.metrics.SparseCategoricalAccuracy
        names = ("tokens", "next_sentence")
        return {
            "loss": {name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in names},
            "weighted_metrics": {name: [accuracy("accuracy")] for name in names},
        }

    def training_data(self, x, y=None, sample_weight=None, batch_size=32, shuffle=True):
        """Documents -> batches (inputs, targets, weights), dicts of what belongs to each of the two tasks."""
        return self._drawn(x, y, batch_size, None, shuffle)

    def inference_data(self, x, y=None, sample_weight=None, batch_size=32, labelled=True):
        """Documents -> batches as in training, with the same pairs and masks every time."""
        data = self._drawn(x, y, batch_size, 0)
        return data if labelled else data.map(lambda inputs, *_: inputs)

    def _drawn(self, x, y, batch_size, seed, shuffle=False):
        x, y, _ = split_dataset(x, y)
        if y is not None:
            raise ValueError("y: expected None, the targets are drawn from the documents, found labels")
        prepare = self.preprocessor
        pairs = SentencePairs(text_list(x), prepare.tokenizer, prepare.max_length - 3)
        mask = WordMasker(prepare.tokenizer, self.mask_share)

        def make(index, drawn):
            rng = np.random.default_rng(drawn if seed is None else (seed, int(index[0])))
            first, second, labels = pairs.draw(index, rng)
            inputs = prepare.pad(prepare.assemble(first, second))
            token_ids, positions, targets, weights = mask(inputs["token_ids"], rng)
            inputs |= {"token_ids": token_ids, "masked_positions": positions}
            weights *= weights.size / max(1, weights.sum())  # Keras divides by the places, not the weights
            answers = {"tokens": targets, "next_sentence": labels}
            return inputs, answers, {"tokens": weights, "next_sentence": np.ones(len(labels), "float32")}

        one = tf.TensorSpec((None,), "int32")
        signature = (
            {**TOKENS, "masked_positions": INTS},
            {"tokens": INTS, "next_sentence": one},
            {"tokens": FLOATS, "next_sentence": tf.TensorSpec((None,), "float32")},
        )
        drop = shuffle and len(pairs.places) >= batch_size
        return batches(pairs.lengths, make, signature, batch_size, shuffle, drop, seeds=True)

    def _outputs(self, rows, batch_size):
        """Logits of the pairs, float32 [N, 2]: the product with the vocabulary is left out."""
        parts, outputs = like_lengths(rows.lengths, batch_size), []
        for part in parts:
            inputs = self.preprocessor.pad(rows, part)
            inputs["masked_positions"] = np.zeros((len(part), 1), "int32")
            outputs.append(self.predict_on_batch(inputs)["next_sentence"])
        return np.concatenate(outputs)[np.argsort(np.concatenate(parts))]

    def to_answer(self, outputs):
        """Logits [N, 2] -> float32 [N]: the probability that the second text follows the first."""
        outputs = np.asarray(outputs, "float32")
        return 1 / (1 + np.exp(outputs[:, 1] - outputs[:, 0]))

    def follows(self, pairs, batch_size=None):
        """For each pair of texts the probability that the second follows the first, a list of floats."""
        return [float(value) for value in self.predict(pairs, batch_size)]

    def signatures(self):
        """Name -> (function, input specifications) of the exported SavedModel.

        "serving_default" takes `texts` and `second_texts`, strings [B]; gives `follows` float32 [B].
        """

        def answer(texts, second_texts):
            inputs = self.preprocessor(texts, second_texts)
            inputs["masked_positions"] = tf.zeros_like(inputs["token_ids"][:, :1])
            logits = self(inputs, training=False)["next_sentence"]
            return {"follows": tf.nn.softmax(logits)[:, 0]}

        return {"serving_default": (answer, self.text_specs())}

    def export_example(self):
        """Raw inputs on which `export` compares the SavedModel with `predict`."""
        raw, x = self.text_example()
        return {"serving_default": (raw, {"follows": self.predict(x)})}

    def card(self):
        return {
            "task": "fill-mask",
            "example": 'app.follows([("It rained all night.", "The street was wet.")])',
            "input": self.input_text(),
            "output": "the probability that the second text follows the first; `MaskedLM.from_pretrained` of "
            "this folder fills [MASK].",
            "limits": "It was trained to be fine-tuned: begin other applications from it.",
        }

    def lines(self, inputs, top_k=1):
        """For `zoo predict`: each input is two texts with a tab between them."""
        pairs = self.typed(inputs)
        for (first, second), score in zip(pairs, self.follows(pairs), strict=True):
            yield f"{first}\t{second}\t{score:.4f}", {"texts": [first, second], "follows": score}

    def get_config(self):
        return {**super().get_config(), "mask_share": self.mask_share}
