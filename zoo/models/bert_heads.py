"""What stands on a `Bert`: classification of texts and of tokens, spans, masked tokens and next sentences.

Shapes: B batch, T time, D model width, V vocabulary, N classes, M masked positions of a row.
"""

import keras
from keras import ops

from zoo.layers import LayerNorm
from zoo.layers.transformer import ACTIVATIONS
from zoo.models.bert import Bert
from zoo.models.classifier import Classifier


class _OnBert(Classifier):
    """A `Bert` and something on it: building, serialization and checkpoints."""

    def __init__(self, bert, **kwargs):
        super().__init__(**{"dtype": bert.dtype_policy, **kwargs})
        self.bert = bert

    def build(self, input_shape=None):
        if not self.bert.built:
            self.bert.build(input_shape)
        self.build_head(self.bert.hidden_dim)
        self.built = True

    def compute_output_shape(self, input_shape):
        shape = input_shape["token_ids"] if isinstance(input_shape, dict) else input_shape
        return self._output_shape(*shape)

    def get_config(self):
        config = keras.layers.Layer.get_config(self)
        return {**config, "bert": keras.saving.serialize_keras_object(self.bert)}

    @classmethod
    def from_config(cls, config):
        bert = keras.saving.deserialize_keras_object(config["bert"])
        return cls(**{**config, "bert": bert})

    @classmethod
    def from_pretrained(cls, source, fresh_head=False, overrides=None, **head_options):
        """The model of a checkpoint in Hugging Face's files, with its head where it has this kind of head.

        Args:
            source: a folder with config.json and model.safetensors, `hf://owner/name`, or a registered name.
            fresh_head: random weights for what the checkpoint lacks of the head, instead of an error.
            overrides: arguments of `Bert` that replace the checkpoint's: {"dropout": 0.2, "dtype": ...}.
            **head_options: arguments of this class; `num_classes` makes the last layer anew.

        Raises:
            ValueError: no such source, another kind of model, weights that do not fit, or no such head.
        """
        from zoo.hub.foreign_bert import read_hf_bert

        return read_hf_bert(source, Bert, overrides or {}, cls, head_options, fresh_head)

    def save_pretrained(self, folder, labels=None):
        """Writes config.json and model.safetensors in Hugging Face's names; `from_pretrained` reads them."""
        from zoo.hub.foreign_bert import write_hf_bert

        write_hf_bert(self, folder, labels)


class _WithClasses(_OnBert):
    """A dropout and a linear layer of N outputs."""

    def __init__(self, bert, num_classes, dropout=None, **kwargs):
        super().__init__(bert, **kwargs)
        self.num_classes = num_classes
        self.dropout = bert.dropout if dropout is None else dropout
        self.head_dropout = keras.layers.Dropout(self.dropout, dtype=self.dtype_policy, name="head_dropout")
        self.head = self.make_head(num_classes)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes, "dropout": self.dropout}


@keras.saving.register_keras_serializable("zoo")
class BertClassifier(_WithClasses):
    """logits = W dropout(pooled) + b: a text, or a pair of texts, to N classes (or N = 1 for a number).

    Args:
        bert: a `Bert` with a pooler.
        num_classes: N.
        dropout: rate before the head; None for that of `bert`.
        **kwargs: `name`, `dtype`.

    Input: see `Bert`. Output: logits, float32 [B, N].

    Example:
        >>> model = BertClassifier(Bert(100, 8, num_layers=1, num_heads=2), num_classes=3)
        >>> model(np.array([[1, 5, 2]])).shape
        (1, 3)
    """

    def __init__(self, bert, num_classes, dropout=None, **kwargs):
        if bert.pooler is None:
            raise ValueError("bert: expected one with a pooler, found pooler=None")
        super().__init__(bert, num_classes, dropout, **kwargs)

    def call(self, inputs, training=None):
        pooled = self.bert(inputs, training=training)["pooled"]
        return self.head(self.head_dropout(pooled, training=training))

    def _output_shape(self, batch, length):
        return batch, self.num_classes


@keras.saving.register_keras_serializable("zoo")
class BertTokenClassifier(_WithClasses):
    """logits[t] = W dropout(sequence[t]) + b: every token to N classes.

    Args:
        bert: a `Bert`.
        num_classes: N.
        dropout: rate before the head; None for that of `bert`.
        **kwargs: `name`, `dtype`.

    Input: see `Bert`. Output: logits, float32 [B, T, N].

    Example:
        >>> model = BertTokenClassifier(Bert(100, 8, num_layers=1, num_heads=2), num_classes=3)
        >>> model(np.array([[1, 5, 2]])).shape
        (1, 3, 3)
    """

    def call(self, inputs, training=None):
        sequence = self.bert(inputs, training=training)["sequence"]
        return self.head(self.head_dropout(sequence, training=training))

    def _output_shape(self, batch, length):
        return batch, length, self.num_classes


@keras.saving.register_keras_serializable("zoo")
class BertSpanFinder(_OnBert):
    """(start[t], end[t]) = W sequence[t] + b: where in the text an answer begins and ends.

    Args:
        bert: a `Bert`.
        **kwargs: `name`, `dtype`.

    Input: see `Bert`. Output: {"start": logits, "end": logits}, float32 [B, T] each.

    Example:
        >>> model = BertSpanFinder(Bert(100, 8, num_layers=1, num_heads=2))
        >>> model(np.array([[1, 5, 2]]))["end"].shape
        (1, 3)
    """

    def __init__(self, bert, **kwargs):
        super().__init__(bert, **kwargs)
        self.head = self.make_head(2)

    def call(self, inputs, training=None):
        logits = self.head(self.bert(inputs, training=training)["sequence"])  # [B, T, 2]
        return {"start": logits[..., 0], "end": logits[..., 1]}

    def _output_shape(self, batch, length):
        return {"start": (batch, length), "end": (batch, length)}


@keras.saving.register_keras_serializable("zoo")
class MaskedLMHead(keras.layers.Layer):
    """logits = norm(f(W x + b)) E^T + c with the token embeddings E.

    Args:
        vocabulary_size: V.
        activation: f, as in `Bert`.
        epsilon: of the norm.
        **kwargs: `name`, `dtype`.

    Call arguments:
        x: float [..., D].
        project: function from [..., D] to [..., V]: `TokenEmbedding.logits`; None returns [..., D].

    Output: logits, float32 [..., V].

    Example:
        >>> embedding = zoo.layers.TokenEmbedding(100, 8)
        >>> embedding.build()
        >>> MaskedLMHead(100)(keras.ops.zeros((1, 3, 8)), project=embedding.logits).shape
        (1, 3, 100)
    """

    def __init__(self, vocabulary_size, activation="gelu", epsilon=1e-12, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.activation = activation
        self.epsilon = epsilon

    def build(self, input_shape):
        hidden_dim, policy = input_shape[-1], self.dtype_policy
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        self.dense = keras.layers.Dense(
            hidden_dim, kernel_initializer=initializer, dtype=policy, name="dense"
        )
        self.norm = LayerNorm(self.epsilon, dtype=policy, name="norm")
        self.dense.build((None, hidden_dim))
        self.norm.build((None, hidden_dim))
        self.bias = self.add_weight(name="bias", shape=(self.vocabulary_size,), initializer="zeros")
        self.built = True

    def call(self, x, project=None, training=None):
        x = self.norm(ACTIVATIONS[self.activation](self.dense(x), bool(training)))
        if project is None:
            return x
        return ops.cast(project(x), "float32") + ops.cast(self.bias, "float32")

    def get_config(self):
        names = ("vocabulary_size", "activation", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("zoo")
class BertMaskedLM(_OnBert):
    """The two tasks of BERT's pretraining: masked tokens, and whether the second sentence follows the first.

    Args:
        bert: a `Bert`; with `next_sentence`, one with a pooler.
        next_sentence: also classify the pair.
        **kwargs: `name`, `dtype`.

    Input: see `Bert`, and "masked_positions" int [B, M] where logits are wanted only there: in training the
    product with the vocabulary then costs M / T. Rows with fewer positions repeat any, with no weight in
    the loss.

    Output: {"tokens": logits float32 [B, T or M, V]}, with `next_sentence` also {"next_sentence": logits
    float32 [B, 2]}: class 0 where the second sentence follows.

    Example:
        >>> model = BertMaskedLM(Bert(100, 8, num_layers=1, num_heads=2), next_sentence=True)
        >>> outputs = model({"token_ids": np.array([[1, 5, 2]]), "masked_positions": np.array([[1]])})
        >>> outputs["tokens"].shape, outputs["next_sentence"].shape
        ((1, 1, 100), (1, 2))
    """

    def __init__(self, bert, next_sentence=False, **kwargs):
        if next_sentence and bert.pooler is None:
            raise ValueError("bert: expected one with a pooler for next_sentence, found pooler=None")
        super().__init__(bert, **kwargs)
        self.next_sentence = next_sentence
        self.mlm_head = MaskedLMHead(
            bert.vocabulary_size, bert.activation, bert.epsilon, dtype=self.dtype_policy, name="mlm_head"
        )
        self.head = self.make_head(2 if next_sentence else None)

    def build(self, input_shape=None):
        super().build(input_shape)
        self.mlm_head.build((None, self.bert.hidden_dim))

    def call(self, inputs, training=None):
        positions = None
        if isinstance(inputs, dict):
            inputs = dict(inputs)
            positions = inputs.pop("masked_positions", None)
        encoded = self.bert(inputs, training=training)
        x = encoded["sequence"]
        if positions is not None:
            batch, length, hidden_dim = ops.shape(x)
            first = ops.arange(batch, dtype="int32")[:, None] * length
            x = ops.take(ops.reshape(x, (-1, hidden_dim)), ops.cast(positions, "int32") + first, axis=0)
        outputs = {"tokens": self.mlm_head(x, project=self.bert.embedding.logits)}
        if self.head is not None:
            outputs["next_sentence"] = self.head(encoded["pooled"])
        return outputs

    def compute_output_shape(self, input_shape):
        shape = input_shape
        if isinstance(input_shape, dict):
            shape = input_shape.get("masked_positions", input_shape["token_ids"])
        outputs = {"tokens": (*shape, self.bert.vocabulary_size)}
        return {**outputs, "next_sentence": (shape[0], 2)} if self.next_sentence else outputs

    def get_config(self):
        return {**super().get_config(), "next_sentence": self.next_sentence}
