"""What the text applications share: raw strings to batches, predictions in the order of x, checkpoints.

Shapes: N examples, B batch, T time.
"""

import contextlib

import numpy as np
import tensorflow as tf
from zoo.applications.adaptation import Adaptation
from zoo.applications.application import Application
from zoo.applications.recipes.text_fine_tune import RECIPE

from zoo.models import Bert
from zoo.preprocessing import TextPreprocessor
from zoo.preprocessing.text import KEYS
from zoo.preprocessing.text_input import batches, like_lengths, pair_lists, split_dataset, text_list

TOKENS = {key: tf.TensorSpec((None, None), "int32") for key in KEYS}
EXAMPLES = ["A good film, by no means bad!", "", "Naïve café? 你好 👍 [MASK]", "so " * 300]


def weights_of(sample_weight, count):
    """Weights of `count` examples as float32 [N]."""
    weights = np.asarray(sample_weight, "float32")
    if weights.shape != (count,):
        raise ValueError(f"sample_weight: expected shape ({count},), found {weights.shape}")
    return weights


class TextApplication(Adaptation, Application):
    """A `TextPreprocessor`, a `Bert` with or without a head, and the way to an answer.

    A subclass writes `targets` and the hooks of `Application` that are left.
    """

    default_recipe = RECIPE
    redraws_data = False  # texts are cut into tokens once, not for every epoch
    length_unit = "tokens"

    def build(self, input_shape=None):
        if not self.model.built:
            self.model.build(None)
        self.built = True

    def call(self, inputs, training=None):
        """int [B, T] "token_ids", "attention_mask", "segment_ids" -> the network's outputs."""
        return self.model(inputs, training=training)

    def lengths(self, inputs):
        return tf.reduce_sum(inputs["attention_mask"], -1)

    def example_spec(self):
        length = self.preprocessor.max_length
        return {key: tf.TensorSpec((None, length), "int32") for key in TOKENS}, length

    def adapt(self, **shared):
        """Applies the overrides of `from_pretrained`."""
        self.adapt_shared(**shared)

    def adapt_shared(self, lora=None, **changes):
        """What all text applications take: `lora`, see `enable_lora`, and arguments of the preprocessor."""
        if changes:
            length, most = changes.get("max_length", 1), self.bert.max_length
            if not isinstance(length, int) or not 0 < length <= most:
                raise ValueError(f"max_length: expected an integer in [1, {most}], found {length!r}")
            self.preprocessor = self.preprocessor.replace(**changes)
        if lora is not None:
            self.enable_lora(lora)

    @property
    def adapted(self):
        return self.bert

    def layer_rates(self, decay):
        """The head and the pooler learn at the full rate, the last block at `decay` times it, and so on."""
        if not 0 < decay <= 1:
            raise ValueError(f"layer_decay: expected a number in (0, 1], found {decay}")
        names = [block.name for block in reversed(self.bert.blocks)] + [self.bert.embedding.name]
        return {name: decay ** (i + 1) for i, name in enumerate(names)} if decay < 1 else None

    def rows(self, x, name="x"):
        """Raw examples to `TokenRows`."""
        if self.preprocessor.pairs:
            return self.preprocessor.rows(*pair_lists(x, name))
        return self.preprocessor.rows(text_list(x, name))

    def typed(self, inputs):
        """What a command line gives, to x: texts; for pairs, two texts with a tab between them."""
        if not self.preprocessor.pairs:
            return list(inputs)
        pairs = [tuple(text.split("\t")) for text in inputs]
        for row, pair in enumerate(pairs):
            if len(pair) != 2:
                raise ValueError(
                    f"inputs: expected two texts with a tab between them, found {inputs[row]!r:.60}"
                )
        return pairs

    def targets(self, y, count):
        """Raw labels of `count` examples to an array of targets [N, ...]."""
        raise NotImplementedError

    def training_data(self, x, y=None, sample_weight=None, batch_size=32, shuffle=True):
        """Raw examples -> batches (inputs int32 [B, T], targets[, weights]) of texts of like length."""
        x, y, weights = split_dataset(x, y)
        if y is None:
            raise ValueError("y: expected labels, one for each text of x, found None")
        rows = self.rows(x)
        drop = shuffle and len(rows.lengths) >= batch_size
        weight = sample_weight if weights is None else weights
        return self._batches(rows, y, weight, batch_size, shuffle, drop)

    def inference_data(self, x, y=None, sample_weight=None, batch_size=32, labelled=True):
        """Raw examples -> batches as in training, the longest first; with `labelled` False inputs only."""
        x, y, weights = split_dataset(x, y)
        weight = sample_weight if weights is None else weights
        return self._batches(self.rows(x), y if labelled else None, weight, batch_size)

    def _batches(self, rows, y, sample_weight, batch_size, shuffle=False, drop_remainder=False):
        count, parts = len(rows.lengths), []
        if y is not None:
            parts.append(self.targets(y, count))
            if sample_weight is not None:
                parts.append(weights_of(sample_weight, count))

        def make(index):
            inputs = self.preprocessor.pad(rows, index)
            return (inputs, *(part[index] for part in parts)) if parts else inputs

        specs = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in parts]
        signature = (TOKENS, *specs) if parts else TOKENS
        return batches(rows.lengths, make, signature, batch_size, shuffle, drop_remainder)

    def predict(self, x, batch_size=None, verbose=0, **arguments):
        """Raw texts to the application's output array, in the order of x; see the subclass for what it is."""
        rows = self.rows(x)
        return self.to_answer(self._outputs(rows, self.checked_batch_size(batch_size)))

    def _outputs(self, rows, batch_size):
        """The network's outputs [N, ...] for `TokenRows`: like lengths together, then put back in order."""
        parts = like_lengths(rows.lengths, batch_size)
        outputs = [self.predict_on_batch(self.preprocessor.pad(rows, part)) for part in parts]
        return np.concatenate(outputs)[np.argsort(np.concatenate(parts))]

    def text_specs(self):
        """Input specifications of a signature that takes what an example is."""
        names = ("texts", "second_texts") if self.preprocessor.pairs else ("texts",)
        return [tf.TensorSpec((None,), "string", name=name) for name in names]

    def text_example(self):
        """(inputs of the signature by name, the same as x of `predict`): text that is hard to read."""
        if self.preprocessor.pairs:
            raw = {"texts": np.array(EXAMPLES), "second_texts": np.array(EXAMPLES[::-1])}
            return raw, list(zip(EXAMPLES, EXAMPLES[::-1], strict=True))
        return {"texts": np.array(EXAMPLES)}, EXAMPLES

    def input_text(self):
        """What the model card says of the input."""
        case = "uncased" if self.preprocessor.tokenizer.lowercase else "cased"
        return (
            f"{'pairs of texts' if self.preprocessor.pairs else 'texts'}, {case} WordPiece of "
            f"{len(self.preprocessor.tokenizer):,} pieces, cut after {self.preprocessor.max_length} tokens."
        )

    @contextlib.contextmanager
    def _explained(self, x):
        """Bad texts are found before any pipeline runs, so there is nothing to explain."""
        yield

    @classmethod
    def _preprocessor(cls, folder, bert, **overrides):
        """The `TextPreprocessor` of a Hugging Face folder for its network."""
        overrides.setdefault("max_length", min(128, bert.max_length))
        preprocessor = TextPreprocessor.from_hugging_face(folder, **overrides)
        if len(preprocessor.tokenizer) != bert.vocabulary_size:
            raise ValueError(
                f"name: expected a vocabulary of {bert.vocabulary_size} pieces as in config.json, found "
                f"{len(preprocessor.tokenizer)} in {str(folder)!r}"
            )
        return preprocessor

    @property
    def bert(self):
        """The encoder."""
        return self.model if isinstance(self.model, Bert) else self.model.bert

    def bert_without_pooler(self):
        """A copy of the encoder that leaves out the pooler, which only whole texts train."""
        return self._bert_copy(None)

    def bert_with_pooler(self):
        """The encoder; where it has no pooler, a copy of it with a fresh one."""
        return self._bert_copy("tanh") if self.bert.pooler is None else self.bert

    def _bert_copy(self, pooler):
        bert = Bert.from_config({**self.bert.get_config(), "pooler": pooler})
        bert.build()
        for mine, theirs in zip(
            [bert.embedding, *bert.blocks], [self.bert.embedding, *self.bert.blocks], strict=True
        ):
            for variable, value in zip(mine.variables, theirs.variables, strict=True):
                variable.assign(value)
        return bert
