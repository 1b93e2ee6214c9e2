"""What a transformer reads: token, position and segment embeddings, and the tied head back to tokens.

Shapes: B batch, T time, D model width, V vocabulary.
"""

import keras
from keras import ops

from zoo.layers.dropout import Dropout
from zoo.layers.layer_norm import LayerNorm


@keras.saving.register_keras_serializable("zoo")
class TokenEmbedding(keras.layers.Layer):
    """x = dropout(norm(token[id] + position[t] + segment[s])), each part but the first optional.

    Args:
        vocabulary_size: V.
        hidden_dim: D.
        max_length: number of learned positions; None for none.
        num_segments: number of segments; 0 for none.
        norm_epsilon: of a layer normalization of the sum; None for no norm.
        dropout: rate after it.
        tie_weights: whether `logits` uses the token embeddings or weights of its own.
        position_offset: added to every position (RoBERTa counts from 2).
        initializer: of all embeddings.
        **kwargs: `name`, `dtype`.

    Call arguments:
        token_ids: int [B, T].
        segment_ids: int [B, T]; None for segment 0 everywhere.
        positions: int [T] or [B, T], for packed rows and for decoding; by default 0 ... T - 1.

    Output: float [B, T, D].

    Example:
        >>> layer = TokenEmbedding(100, 8, max_length=16, num_segments=2)
        >>> x = layer(np.array([[1, 2, 3]]))
        >>> x.shape, layer.logits(x).shape
        ((1, 3, 8), (1, 3, 100))
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        max_length=None,
        num_segments=0,
        norm_epsilon=None,
        dropout=0.0,
        tie_weights=True,
        position_offset=0,
        initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.max_length = max_length
        self.num_segments = num_segments
        self.norm_epsilon = norm_epsilon
        self.dropout_rate = dropout
        self.tie_weights = tie_weights
        self.position_offset = position_offset
        initializer = keras.initializers.RandomNormal(stddev=0.02) if initializer is None else initializer
        self.initializer = keras.initializers.get(initializer)
        policy = self.dtype_policy
        self.tokens = keras.layers.ReversibleEmbedding(
            vocabulary_size,
            hidden_dim,
            tie_weights=tie_weights,
            embeddings_initializer=self.initializer.clone(),
            dtype=policy,
            name="tokens",
        )
        self.norm = None if norm_epsilon is None else LayerNorm(norm_epsilon, dtype=policy, name="norm")
        self.dropout = Dropout(dropout, dtype=policy, name="dropout") if dropout else None

    def build(self, input_shape=None):
        self.tokens.build(input_shape)
        self.position_table = self._table("positions", self.max_length)
        self.segment_table = self._table("segments", self.num_segments)
        if self.norm is not None:
            self.norm.build((None, self.hidden_dim))
        self.built = True

    def _table(self, name, count):
        if not count:
            return None
        shape = (count + (self.position_offset if name == "positions" else 0), self.hidden_dim)
        return self.add_weight(name=name, shape=shape, initializer=self.initializer.clone())

    def call(self, token_ids, segment_ids=None, positions=None, training=None):
        x = self.tokens(token_ids)  # [B, T, D]
        if self.position_table is not None:
            x = x + self._positions(ops.shape(token_ids)[1], positions)
        if self.segment_table is not None:
            x = x + self._segments(segment_ids)
        if self.norm is not None:
            x = self.norm(x)
        return x if self.dropout is None else self.dropout(x, training=training)

    def _positions(self, length, positions):
        table = ops.cast(self.position_table, self.compute_dtype)
        if positions is not None:
            return ops.take(table, positions + self.position_offset, axis=0)
        if isinstance(length, int) and length > self.max_length:
            raise ValueError(f"token_ids: expected at most {self.max_length} positions, found {length}")
        return table[self.position_offset : self.position_offset + length]  # no gather: [T, D]

    def _segments(self, segment_ids):
        table = ops.cast(self.segment_table, self.compute_dtype)
        if segment_ids is None:
            return table[0]
        # A product with few rows has a far cheaper gradient than a gather.
        return ops.matmul(ops.one_hot(segment_ids, self.num_segments, dtype=self.compute_dtype), table)

    def logits(self, x):
        """float [..., D] -> [..., V], by the transposed token embeddings (or the untied head)."""
        return self.tokens(x, reverse=True)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.hidden_dim)

    def get_config(self):
        names = "vocabulary_size hidden_dim max_length num_segments norm_epsilon tie_weights position_offset"
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names.split()},
            "dropout": self.dropout_rate,
            "initializer": keras.initializers.serialize(self.initializer),
        }
