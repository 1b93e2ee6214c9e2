"""Texts to vectors: sentence embeddings, search by cosine, fine-tuning on pairs (arXiv:1908.10084).

Shapes: N texts, B batch, T time, D model width.
"""

import pathlib

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from zoo.applications.text_application import TOKENS, TextApplication, weights_of

from zoo.files import read_json
from zoo.hub.foreign_bert import read_hf_bert
from zoo.losses import ContrastiveLoss, CosineLoss
from zoo.metrics import pearson, spearman
from zoo.models import Bert
from zoo.preprocessing.text_input import batches, pair_lists, sequence, split_dataset, text_list

POOLINGS = ("mean", "cls", "pooler")
OBJECTIVES = {"contrastive": ContrastiveLoss, "cosine": CosineLoss}
PAIRS = {key: tf.TensorSpec((None, 2, None), "int32") for key in TOKENS}


@keras.saving.register_keras_serializable("zoo")
class TextEncoder(TextApplication):
    """A vector for a text; texts that mean the same get vectors of a high cosine.

    Args:
        model: a `zoo.models.Bert`.
        preprocessor: a `zoo.preprocessing.TextPreprocessor`, without pairs.
        pooling: "mean" over the tokens, "cls" (the first one) or "pooler" (the network's own layer on it).
        normalize: scale the vectors to length 1.
        objective: of `fit`: "contrastive" (x: pairs that belong together, all others of a batch are
            contrasts; no y) or "cosine" (x: pairs, y: the cosine each should have).
        **kwargs: `name`, `dtype`.

    Example:
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad"]
        >>> model = zoo.models.bert_tiny(vocabulary_size=6)
        >>> app = TextEncoder(model, zoo.preprocessing.TextPreprocessor(vocabulary))
        >>> app.embed(["good", "good bad"]).shape
        (2, 128)
    """

    overrides = ("precision", "pooling", "normalize", "objective", "max_length", "lora")

    def __init__(
        self, model, preprocessor, pooling="mean", normalize=True, objective="contrastive", **kwargs
    ):
        if preprocessor.pairs:
            raise ValueError("preprocessor: expected pairs=False, found True; a vector belongs to one text")
        super().__init__(model, preprocessor, **kwargs)
        self.pooling, self.normalize, self.objective = pooling, bool(normalize), objective
        self._check()
        self.build()

    def _check(self):
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling: expected one of {POOLINGS}, found {self.pooling!r}")
        if self.pooling == "pooler" and self.model.pooler is None:
            raise ValueError(
                "pooling: expected 'mean' or 'cls' for a network without a pooler, found 'pooler'"
            )
        if self.objective not in OBJECTIVES:
            raise ValueError(f"objective: expected one of {tuple(OBJECTIVES)}, found {self.objective!r}")

    @classmethod
    def from_recipe(cls, recipe, examples):
        """What `recipe` begins with: numbers as labels of `examples` are cosines to learn."""
        objective = "contrastive" if examples.labels is None else "cosine"
        options = {"objective": objective, **recipe.preprocessor, "precision": recipe.precision}
        return cls.from_pretrained(recipe.start, **options)

    @classmethod
    def from_foreign(cls, folder, config, precision):
        """A folder of Hugging Face's BERT family, with sentence-transformers' settings where it has them."""
        folder = pathlib.Path(folder)
        model = read_hf_bert(folder, Bert, {"dtype": precision, "pooler": None})
        settings = read_json(folder / "1_Pooling" / "config.json", missing={})
        pooling = "cls" if settings.get("pooling_mode_cls_token") else "mean"
        length = read_json(folder / "sentence_bert_config.json", missing={}).get("max_seq_length") or 256
        preprocessor = cls._preprocessor(folder, model, max_length=min(length, model.max_length))
        return cls(model, preprocessor, pooling)

    @classmethod
    def from_application(cls, application):
        """The encoder of another text application."""
        if not isinstance(application, TextApplication):
            return super().from_application(application)
        return cls(application.bert, application.preprocessor.replace(pairs=False))

    def adapt(self, pooling=None, normalize=None, objective=None, **shared):
        """Applies the overrides of `from_pretrained`."""
        self.adapt_shared(**shared)
        self.pooling = pooling or self.pooling
        self.normalize = self.normalize if normalize is None else bool(normalize)
        self.objective = objective or self.objective
        self._check()

    def call(self, inputs, training=None):
        """int [B, T] tokens -> vectors float32 [B, D]; pairs [B, 2, T] -> [B, 2, D]."""
        shape = ops.shape(inputs["token_ids"])
        flat = {key: ops.reshape(value, (-1, shape[-1])) for key, value in inputs.items()}
        vectors = self._pooled(self.model(flat, training=training), flat["attention_mask"])
        return ops.reshape(vectors, (*shape[:-1], vectors.shape[-1]))

    def _pooled(self, outputs, mask):
        if self.pooling == "pooler":
            vectors = ops.cast(outputs["pooled"], "float32")
        else:
            sequence = ops.cast(outputs["sequence"], "float32")  # [B, T, D]
            weights = ops.cast(mask, "float32")[..., None]
            mean = self.pooling == "mean"
            vectors = ops.sum(sequence * weights, 1) / ops.sum(weights, 1) if mean else sequence[:, 0]
        return ops.normalize(vectors, axis=-1, epsilon=1e-12) if self.normalize else vectors

    def loss_and_metrics(self, recipe):
        return {"loss": OBJECTIVES[self.objective](), "metrics": []}

    def training_data(self, x, y=None, sample_weight=None, batch_size=32, shuffle=True):
        """Pairs of texts -> batches (inputs int32 [B, 2, T], cosines float32 [B][, weights])."""
        return self._pair_batches(x, y, sample_weight, batch_size, shuffle)

    def inference_data(self, x, y=None, sample_weight=None, batch_size=32, labelled=True):
        """Texts -> batches int32 [B, T]; pairs as in training, in order of length."""
        if _are_pairs(x):
            if not labelled:  # what y would be checked against does not matter
                y = None if self.objective == "contrastive" else np.zeros(len(pair_lists(x)[0]))
            data = self._pair_batches(x, y, sample_weight, batch_size)
            return data if labelled else data.map(lambda inputs, *_: inputs)
        return self._batches(self.rows(x), None, None, batch_size)

    def _pair_batches(self, x, y, sample_weight, batch_size, shuffle=False):
        x, y, weights = split_dataset(x, y)
        first, second = pair_lists(x)
        count = len(first)
        if (y is None) == (self.objective == "cosine"):
            expected = "cosines, one for each pair of x" if y is None else 'None with objective="contrastive"'
            raise ValueError(f"y: expected {expected}, found {'None' if y is None else 'numbers'}")
        targets = np.zeros(count, "float32") if y is None else _cosines(y, count)
        parts, weight = [targets], sample_weight if weights is None else weights
        if weight is not None:
            parts.append(weights_of(weight, count))
        rows = self.preprocessor.rows([*first, *second])
        lengths = np.maximum(rows.lengths[:count], rows.lengths[count:])

        def make(index):
            both = np.stack([index, index + count], 1).reshape(-1)
            inputs = self.preprocessor.pad(rows, both)
            inputs = {key: value.reshape(len(index), 2, -1) for key, value in inputs.items()}
            return (inputs, *(part[index] for part in parts))

        signature = (PAIRS, *(tf.TensorSpec((None,), "float32") for _ in parts))
        # With sorted lengths the contrasts of a batch would be alike in length, and so too easy or too hard.
        if self.objective == "contrastive":
            lengths = np.zeros_like(lengths)
        return batches(lengths, make, signature, batch_size, shuffle, shuffle and count >= batch_size)

    def rows(self, x, name="x"):
        return self.preprocessor.rows(text_list(x, name))

    def predict(self, x, batch_size=None, verbose=0, **arguments):
        """Texts to vectors, float32 [N, D]; pairs of texts to [N, 2, D]."""
        if not _are_pairs(x):
            return super().predict(x, batch_size, verbose, **arguments)
        first, second = (super(TextEncoder, self).predict(part, batch_size) for part in pair_lists(x))
        return np.stack([first, second], axis=1)

    def to_answer(self, outputs):
        """Vectors as they come: float32 [N, D], what `predict` and `embed` return."""
        return np.asarray(outputs, "float32")

    def embed(self, x, batch_size=None):
        """Texts to vectors, float32 [N, D]."""
        return self.predict(x, batch_size=batch_size)

    def similarity(self, first, second):
        """Cosines float32 [N, M] of N texts with M others."""
        return _unit(self.embed(first)) @ _unit(self.embed(second)).T

    def search(self, queries, corpus, top_k=5):
        """The nearest of a corpus to each query, by cosine.

        Args:
            queries: texts.
            corpus: texts, or their vectors as `embed` gave them [M, D].
            top_k: how many; M at most.

        Returns: for each query a list of {"index", "score"}, with "text" where the corpus is texts.
        """
        vectors = corpus if isinstance(corpus, np.ndarray) and corpus.ndim == 2 else self.embed(corpus)
        texts = None if vectors is corpus else text_list(corpus, "corpus")
        scores = _unit(self.embed(queries)) @ _unit(vectors).T  # [N, M]
        best = np.argsort(-scores, axis=1, kind="stable")[:, :top_k]
        return [
            [
                {"index": int(i), "score": float(row[i])} | ({} if texts is None else {"text": texts[i]})
                for i in indices
            ]
            for row, indices in zip(scores, best, strict=True)
        ]

    def report(self, x, y):
        """Pearson's and Spearman's correlation of the cosines of pairs x with numbers y."""
        first, second = pair_lists(x)
        cosines = (_unit(self.embed(first)) * _unit(self.embed(second))).sum(axis=1)
        return {"pearson": pearson(cosines, y), "spearman": spearman(cosines, y)}

    def signatures(self):
        """Name -> (function, input specifications): `texts`, strings [B], to `embeddings`, float32 [B, D]."""
        return {
            "serving_default": (
                lambda texts: {"embeddings": self(self.preprocessor(texts), training=False)},
                self.text_specs(),
            )
        }

    def export_example(self):
        """Raw inputs on which `export` compares the SavedModel with `predict`."""
        raw, x = self.text_example()
        return {"serving_default": (raw, {"embeddings": self.predict(x)})}

    def card(self):
        return {
            "task": "sentence-similarity",
            "example": 'app.embed(["A text."])',
            "input": self.input_text(),
            "output": f"a vector of {self.bert.hidden_dim} numbers a text"
            + (", of length 1." if self.normalize else "."),
            "limits": "Cosines order texts by likeness; what counts as alike was set by the training data.",
        }

    def lines(self, inputs, **options):
        """For `zoo predict`: texts to their vectors."""
        for text, vector in zip(inputs, self.embed(list(inputs)), strict=True):
            shown = " ".join(f"{value:.4f}" for value in vector[:8])
            yield f"{text}\t{shown} ...", {"text": text, "embedding": vector.tolist()}

    def get_config(self):
        own = {"pooling": self.pooling, "normalize": self.normalize, "objective": self.objective}
        return {**super().get_config(), **own}


def _are_pairs(x):
    if isinstance(x, tf.data.Dataset):
        return isinstance(x.element_spec, tuple) or x.element_spec.shape.rank == 2
    return not isinstance(x, (str, bytes)) and not isinstance(sequence(x, "x")[0], (str, bytes))


def _cosines(y, count):
    y = np.asarray(y, "float32")
    if y.shape != (count,):
        raise ValueError(f"y: expected {count} numbers, one for each pair of x, found shape {y.shape}")
    bad = ~((y >= -1) & (y <= 1))
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(f"y: expected cosines in [-1, 1], found {y[row]} at row {row}; divide the scores")
    return y


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
