"""Masked language modelling: texts with [MASK] in, the likeliest tokens out; trains on plain texts.

Shapes: N texts, B batch, T time, M masked positions of a row, V vocabulary.
"""

import keras
import numpy as np
import tensorflow as tf
from zoo.applications.arguments import named
from zoo.applications.text_application import TOKENS, TextApplication

from zoo import models
from zoo.hub.foreign_bert import read_hf_bert
from zoo.models import Bert, BertMaskedLM
from zoo.preprocessing import TextPreprocessor, WordPiece
from zoo.preprocessing.masking import WordMasker
from zoo.preprocessing.text_input import batches, like_lengths, split_dataset, text_list
from zoo.preprocessing.wordpiece import Pieces

TOP = 5  # tokens of a SavedModel's answer


@keras.saving.register_keras_serializable("zoo")
class MaskedLM(TextApplication):
    """What could stand in the place of [MASK].

    In `fit` other tokens are masked in every epoch (arXiv:1907.11692, section 4.1), by whole words.

    Args:
        model: a `zoo.models.BertMaskedLM`.
        preprocessor: a `zoo.preprocessing.TextPreprocessor` whose vocabulary has [MASK], without pairs.
        mask_share: share of the tokens that are masked in training.
        **kwargs: `name`, `dtype`.

    Raw data x, everywhere: a list, array or tf.data.Dataset of strings; y is None. Texts longer than
    `max_length` are cut into several rows in training.

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "film"]
        >>> bert = zoo.models.bert_tiny(vocabulary_size=7, pooler=None)
        >>> app = MaskedLM(zoo.models.BertMaskedLM(bert), zoo.preprocessing.TextPreprocessor(vocabulary))
        >>> answers = app.fill_mask(["good [MASK]"], top_k=3)
        >>> len(answers[0][0]), sorted(answers[0][0][0])
        (3, ['score', 'token'])
    """

    overrides = ("precision", "max_length", "mask_share", "lora")
    weighs_examples = False

    def __init__(self, model, preprocessor, mask_share=0.15, **kwargs):
        if preprocessor.pairs:
            raise ValueError("preprocessor: expected pairs=False, found True")
        super().__init__(model, preprocessor, **kwargs)
        self.mask_share = mask_share
        self.mask_id = WordMasker(preprocessor.tokenizer, mask_share).mask_id
        self.build()

    @classmethod
    def from_recipe(cls, recipe, examples):
        """What `recipe` begins with: `recipe.start`, or a fresh network with a vocabulary of the texts."""
        if recipe.start:
            return cls.from_pretrained(recipe.start, **recipe.preprocessor, precision=recipe.precision)
        bert, preprocessor = fresh_encoder(recipe, examples)
        return cls(BertMaskedLM(bert), preprocessor)

    @classmethod
    def from_foreign(cls, folder, config, precision):
        """A folder of Hugging Face's BERT family that has a masked-language-model head."""
        options = {"dtype": precision, "pooler": None}
        model = read_hf_bert(folder, Bert, options, BertMaskedLM, {"next_sentence": False})
        return cls(model, cls._preprocessor(folder, model.bert))

    @classmethod
    def from_application(cls, application):
        """The network of `BertPretraining`, without its pooler and the head for pairs."""
        if not isinstance(application.model, BertMaskedLM):
            return super().from_application(application)
        model = BertMaskedLM(application.bert_without_pooler())
        model.build()
        for mine, theirs in zip(model.mlm_head.variables, application.model.mlm_head.variables, strict=True):
            mine.assign(theirs)
        return cls(model, application.preprocessor.replace(pairs=False), application.mask_share)

    def adapt(self, mask_share=None, **shared):
        """Applies the overrides of `from_pretrained`."""
        self.adapt_shared(**shared)
        self.mask_share = mask_share or self.mask_share

    def call(self, inputs, training=None):
        """Tokens int32 [B, T] and "masked_positions" [B, M] -> logits float32 [B, M, V]."""
        return self.model(inputs, training=training)["tokens"]

    def example_spec(self):
        spec, length = super().example_spec()
        masked = max(1, round(self.mask_share * length))
        return {**spec, "masked_positions": tf.TensorSpec((None, masked), "int32")}, length

    def loss_and_metrics(self, recipe):
        """Cross-entropy and accuracy, means over masked tokens."""
        return {
            "loss": keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, reduction="mean_with_sample_weight"
            ),
            "weighted_metrics": [keras.metrics.SparseCategoricalAccuracy("accuracy")],
        }

    def training_data(self, x, y=None, sample_weight=None, batch_size=32, shuffle=True):
        """Texts -> batches (inputs with some tokens masked, their ids int32 [B, M], weights [B, M])."""
        return self._masked(x, y, batch_size, None, shuffle)

    def inference_data(self, x, y=None, sample_weight=None, batch_size=32, labelled=True):
        """Texts -> batches as in training, with the same masks every time; inputs without `labelled`."""
        data = self._masked(x, y, batch_size, 0)
        return data if labelled else data.map(lambda inputs, *_: inputs)

    def _masked(self, x, y, batch_size, seed, shuffle=False):
        x, y, _ = split_dataset(x, y)
        if y is not None:
            raise ValueError("y: expected None, the targets are the masked tokens, found labels")
        rows = self.preprocessor.assemble(self._cut(self.preprocessor.tokenizer.tokenize(text_list(x))))
        mask = WordMasker(self.preprocessor.tokenizer, self.mask_share)

        def make(index, drawn):
            inputs = self.preprocessor.pad(rows, index)
            rng = np.random.default_rng(drawn if seed is None else seed)
            token_ids, positions, targets, weights = mask(inputs["token_ids"], rng)
            return {**inputs, "token_ids": token_ids, "masked_positions": positions}, targets, weights

        spec = tf.TensorSpec((None, None), "int32")
        signature = ({**TOKENS, "masked_positions": spec}, spec, tf.TensorSpec((None, None), "float32"))
        drop = shuffle and len(rows.lengths) >= batch_size
        return batches(rows.lengths, make, signature, batch_size, shuffle, drop, seeds=True)

    def _cut(self, tokens):
        """`Pieces` cut into rows that fit; empty texts are left out."""
        room = self.preprocessor.max_length - 2
        starts = [
            start
            for begin, end in zip(tokens.splits[:-1], tokens.splits[1:], strict=True)
            for start in range(begin, end, room)
        ]
        if not starts:
            raise ValueError("x: expected at least one text with a word in it, found empty texts")
        return Pieces(tokens.ids, np.array([*starts, len(tokens.ids)], "int64"))

    def predict(self, x, batch_size=None, verbose=0, **arguments):
        """Texts with [MASK] to probabilities, float32 [N, M, V]; zeros behind the last [MASK] of a text."""
        parts = list(self._probabilities(x, self.checked_batch_size(batch_size)))
        width = max(part.shape[1] for _, part in parts)
        answer = np.zeros((sum(len(i) for i, _ in parts), width, parts[0][1].shape[-1]), "float32")
        for index, part in parts:
            answer[index, : part.shape[1]] = part
        return answer

    def _probabilities(self, x, batch_size):
        """Batches of (numbers of the texts, probabilities float32 [B, M, V])."""
        rows = self.rows(x)
        count = np.add.reduceat(rows.ids == self.mask_id, rows.splits[:-1])
        if (count == 0).any():
            row = int((count == 0).argmax())
            longest = self.preprocessor.max_length
            raise ValueError(f"x: expected [MASK] within the first {longest} tokens of row {row}, found none")
        for index in like_lengths(rows.lengths, batch_size):
            inputs = self.preprocessor.pad(rows, index)
            positions = np.zeros((len(index), count[index].max()), "int32")
            for number, row in enumerate(inputs["token_ids"]):
                positions[number, : count[index[number]]] = np.flatnonzero(row == self.mask_id)
            inside = np.arange(positions.shape[1]) < count[index][:, None]
            logits = self.predict_on_batch({**inputs, "masked_positions": positions})
            yield index, self.to_answer(logits) * inside[..., None]

    def to_answer(self, outputs):
        """Logits [..., V] -> probabilities."""
        outputs = np.asarray(outputs, "float32")
        exponents = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return exponents / exponents.sum(axis=-1, keepdims=True)

    def fill_mask(self, x, top_k=5, batch_size=None):
        """The likeliest tokens for every [MASK].

        Returns: for each text a list with, for each [MASK] in it, the `top_k` best {"token", "score"}.
        """
        vocabulary, answers = self.preprocessor.tokenizer.vocabulary, {}
        for index, part in self._probabilities(x, self.checked_batch_size(batch_size)):
            for number, row in zip(index, part, strict=True):
                best = np.argsort(-row, axis=-1, kind="stable")[:, :top_k]
                answers[number] = [
                    [{"token": vocabulary[i], "score": float(scores[i])} for i in order]
                    for order, scores in zip(best, row, strict=True)
                    if scores.any()
                ]
        return [answers[number] for number in sorted(answers)]

    def signatures(self):
        """Name -> (function, input specifications) of the exported SavedModel.

        "serving_default" takes `texts`, strings [B]; gives `tokens` and `scores` [B, M, 5] of each [MASK];
        behind the last [MASK] of a text stand "" and 0.
        """
        names = tf.constant(["", *self.preprocessor.tokenizer.vocabulary])
        top = min(TOP, len(self.preprocessor.tokenizer))

        def answer(texts):
            inputs = self.preprocessor(texts)
            is_mask = inputs["token_ids"] == self.mask_id
            every = tf.broadcast_to(tf.range(tf.shape(is_mask)[1]), tf.shape(is_mask))
            places = tf.ragged.boolean_mask(every, is_mask)
            inside = tf.sequence_mask(places.row_lengths())[..., None]  # [B, M, 1]
            logits = self({**inputs, "masked_positions": places.to_tensor(0)}, training=False)
            scores, best = tf.math.top_k(tf.nn.softmax(tf.cast(logits, "float32")), top)
            return {
                "tokens": tf.gather(names, tf.where(inside, best + 1, 0)),
                "scores": tf.where(inside, scores, 0.0),
            }

        return {"serving_default": (answer, self.text_specs())}

    def text_example(self):
        texts = ["A [MASK] film, by no means [MASK]!", "naïve [MASK]"]
        return {"texts": np.array(texts)}, texts

    def export_example(self):
        """Raw inputs on which `export` compares the SavedModel with `predict`."""
        raw, x = self.text_example()
        scores = np.sort(self.predict(x), axis=-1)[..., ::-1][..., :TOP]
        return {"serving_default": (raw, {"scores": scores})}

    def card(self):
        return {
            "task": "fill-mask",
            "example": 'app.fill_mask(["A [MASK] film."])',
            "input": self.input_text(),
            "output": f"for every [MASK] the likeliest of {len(self.preprocessor.tokenizer):,} pieces.",
            "limits": "It says what its training texts would say there, which need not be true.",
        }

    def lines(self, inputs, top_k=1):
        """For `zoo predict`: texts to the tokens for each [MASK]."""
        for text, masks in zip(inputs, self.fill_mask(list(inputs), top_k), strict=True):
            shown = "\n".join(
                f"{text}\t{entry['token']}\t{entry['score']:.4f}" for best in masks for entry in best
            )
            yield shown, {"text": text, "masks": masks}

    def get_config(self):
        return {**super().get_config(), "mask_share": self.mask_share}


def fresh_encoder(recipe, examples, pairs=False, pooler=None):
    """(a `Bert` of random weights, a preprocessor with a vocabulary learnt from the texts of `examples`).

    Args:
        recipe: names the builder, `model`; `preprocessor` holds the arguments of `TextPreprocessor`, and
            "vocabulary_size" (8,000 by default).
        examples: unpacks into (texts, ...).
        pairs: of the preprocessor.
        pooler: of the encoder.
    """
    settings = {**recipe.preprocessor, "pairs": pairs}
    size, lowercase = settings.pop("vocabulary_size", 8000), settings.get("lowercase", True)
    vocabulary = WordPiece.train(text_list(next(iter(examples))), size, lowercase).vocabulary
    options = {"vocabulary_size": len(vocabulary), "pooler": pooler, "dtype": recipe.precision}
    return named(models, recipe.model, "model")(**options), TextPreprocessor(vocabulary, **settings)
