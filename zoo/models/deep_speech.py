"""DeepSpeech: convolutions, recurrent layers, characters by CTC (Deep Speech 2, arXiv:1512.02595).

Shapes: B batch, T frames, F mel bins, S = ceil(T / stride) steps, C channels, D features, V vocabulary with
the blank.
"""

import keras
from keras import ops

from zoo.layers import GRU, LSTM, Dropout, LayerNorm, Lookahead, TimeConv

CELLS = {"gru": GRU, "lstm": LSTM}


@keras.saving.register_keras_serializable("zoo")
class DeepSpeech(keras.Model):
    """Log-mel frames to logits of characters: strided convolutions, a recurrent stack, a linear head.

    Two ways to build it: with both directions, or one way with a lookahead convolution, which streams.
    Every row's output is that of the row alone: convolutions and recurrence stop at its length.

    Args:
        vocabulary_size: V, the blank included; None for no head: the output is then [B, S, D].
        units: of each recurrent layer and direction.
        num_layers: recurrent layers.
        cell: "gru" or "lstm".
        bidirectional: both directions; else one, and `lookahead`.
        conv_filters: channels of each convolution.
        conv_kernels: (time, frequency) of each.
        conv_strides: (time, frequency) of each.
        lookahead: steps of future that the one-way model sees after its recurrent layers.
        dropout: rate between recurrent layers.
        **kwargs: `name`, `dtype`.

    Input: features float [B, T, F] and optionally `lengths`, int32 [B]. Output: logits, float32 [B, S, V];
    those behind `output_lengths(lengths)` mean nothing.

    Reference: Amodei et al. 2015, arXiv:1512.02595.

    Example:
        >>> model = DeepSpeech(vocabulary_size=29, units=8, num_layers=1)
        >>> model(keras.ops.ones((2, 21, 16))).shape
        (2, 6, 29)
    """

    def __init__(
        self,
        vocabulary_size,
        units=256,
        num_layers=3,
        cell="gru",
        bidirectional=True,
        conv_filters=(32, 32),
        conv_kernels=((5, 5), (3, 3)),
        conv_strides=((2, 2), (2, 2)),
        lookahead=0,
        dropout=0.1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(f"cell: expected one of {sorted(CELLS)}, found {cell!r}")
        if len({len(conv_filters), len(conv_kernels), len(conv_strides)}) > 1:
            raise ValueError(
                "conv_filters, conv_kernels, conv_strides: expected one entry a convolution each, found "
                f"{len(conv_filters)}, {len(conv_kernels)} and {len(conv_strides)}"
            )
        if bidirectional and lookahead:
            raise ValueError(f"lookahead: expected 0 with both directions, found {lookahead}")
        self.vocabulary_size = vocabulary_size
        self.units = units
        self.num_layers = num_layers
        self.cell = cell
        self.bidirectional = bidirectional
        self.conv_filters = tuple(conv_filters)
        self.conv_kernels = tuple(tuple(k) for k in conv_kernels)
        self.conv_strides = tuple(tuple(s) for s in conv_strides)
        self.lookahead = lookahead
        self.dropout = dropout
        policy = self.dtype_policy
        shapes = zip(self.conv_filters, self.conv_kernels, self.conv_strides, strict=True)
        self.convs = [TimeConv(*s, name=f"conv{i + 1}", dtype=policy) for i, s in enumerate(shapes)]
        self.norms, self.recurrent = [], []
        for i in range(num_layers):
            self.norms.append(LayerNorm(name=f"norm{i + 1}", dtype=policy))
            name = f"{cell}{i + 1}"
            layer = CELLS[cell](units, bidirectional, time_major=True, name=name, dtype=policy)
            self.recurrent.append(layer)
        self.drop = Dropout(dropout, name="drop", dtype=policy)
        self.ahead = Lookahead(lookahead, name="lookahead", dtype=policy) if lookahead else None
        self.final_norm = LayerNorm(name="final_norm", dtype=policy)
        self.head = self.make_head(vocabulary_size)

    def make_head(self, vocabulary_size):
        """float [B, S, D] -> logits, float32 [B, S, V] whatever the model's dtype policy."""
        return (
            None
            if vocabulary_size is None
            else keras.layers.Dense(vocabulary_size, dtype="float32", name="head")
        )

    def build(self, input_shape):
        shape = (*input_shape, 1)
        for conv in self.convs:
            conv.build(shape)
            shape = conv.compute_output_shape(shape)
        dim = shape[2] * shape[3]
        for norm, layer in zip(self.norms, self.recurrent, strict=True):
            norm.build((None, None, dim))
            layer.build((None, None, dim))
            dim = layer.units * (1 + self.bidirectional)
        if self.ahead is not None:
            self.ahead.build((None, None, dim))
        self.final_norm.build((None, None, dim))
        if self.head is not None:
            self.head.build((None, None, dim))
        self.feature_dim, self.num_bins = dim, input_shape[-1]
        self.built = True

    def call(self, features, lengths=None, training=None):
        x = ops.cast(features, self.compute_dtype)[..., None]  # [B, T, F, 1]
        lengths = None if lengths is None else ops.cast(lengths, "int32")
        for conv in self.convs:
            x = conv(x, lengths=lengths)  # [B, T / 2, F / 2, C]
            lengths = None if lengths is None else conv.output_lengths(lengths)
        x = ops.swapaxes(_flat(x), 0, 1)  # [S, B, D]
        mask = None if lengths is None else ops.arange(ops.shape(x)[0])[None] < lengths[:, None]
        for norm, layer in zip(self.norms, self.recurrent, strict=True):
            x = self.drop(layer(norm(x), mask=mask), training=training)
        x = ops.swapaxes(x, 0, 1)  # [B, S, D]
        if self.ahead is not None:
            x = self.ahead(x, lengths=lengths)
        x = self.final_norm(x)
        return x if self.head is None else self.head(x)  # [B, S, V]

    def output_lengths(self, lengths):
        """int [B] frames -> int [B] steps of the output."""
        for conv in self.convs:
            lengths = conv.output_lengths(lengths)
        return lengths

    @property
    def stride(self):
        """Frames to one step of the output."""
        product = 1
        for conv in self.convs:
            product *= conv.stride
        return product

    def stream(self, features, state=None, final=False):
        """One piece of a stream: the logits it completes and the state to go on from.

        All pieces together give what one call on the whole gives.

        Args:
            features: float [B, n, F], any n.
            state: of the piece before; None at the beginning.
            final: nothing comes after this piece.

        Returns: logits, float32 [B, m, V] with m >= 0; a list of tensors.

        Raises: ValueError for a model with both directions.
        """
        if self.bidirectional:
            raise ValueError("bidirectional: expected a one-way model to stream, found both directions")
        state = list(state) if state is not None else [None] * len(self.stages)
        x = ops.cast(features, self.compute_dtype)[..., None]
        for i, conv in enumerate(self.convs):
            x, state[i] = conv.run(x, state[i], final)
        x = ops.swapaxes(_flat(x), 0, 1)
        for i, (norm, layer) in enumerate(zip(self.norms, self.recurrent, strict=True), len(self.convs)):
            x, state[i] = _recurrent_piece(layer, norm(x), state[i])
        x = ops.swapaxes(x, 0, 1)
        if self.ahead is not None:
            x, state[-1] = self.ahead.run(x, state[-1], final)
        x = self.final_norm(x)
        return (x if self.head is None else self.head(x)), state

    @property
    def stages(self):
        """The layers that keep something between two pieces of a stream."""
        return [*self.convs, *self.recurrent, *([] if self.ahead is None else [self.ahead])]

    def compute_output_shape(self, input_shape):
        steps = input_shape[1]
        for conv in self.convs:
            steps = None if steps is None else conv.output_lengths(steps)
        width = self.units * (1 + self.bidirectional) if self.head is None else self.vocabulary_size
        return input_shape[0], steps, width

    def get_config(self):
        names = (
            "vocabulary_size units num_layers cell bidirectional conv_filters conv_kernels conv_strides "
            "lookahead dropout"
        )
        config = keras.layers.Layer.get_config(self)
        return {**config, **{name: getattr(self, name) for name in names.split()}}


def _flat(x):
    """[B, S, F, C] -> [B, S, F * C]."""
    return ops.reshape(x, (ops.shape(x)[0], ops.shape(x)[1], x.shape[2] * x.shape[3]))


def _recurrent_piece(layer, x, state):
    """`layer.run` that also takes a piece of no steps: a zero step is put behind and dropped again."""
    count = ops.shape(x)[0]
    mask = ops.arange(count + 1)[None] < count * ops.ones((ops.shape(x)[1], 1), dtype="int32")
    x = ops.pad(x, ((0, 1), (0, 0), (0, 0)))
    y, state = layer.run(x, state, mask)  # the masked step keeps the state
    return y[:count], state


def deep_speech_tiny(**overrides):
    """Two layers of 96 units both ways: 0.32M parameters at 40 mel bins and V = 12."""
    tiny = {"units": 96, "num_layers": 2, "conv_filters": (16, 16)}
    return DeepSpeech(**{"vocabulary_size": 29, **tiny, **overrides})


def deep_speech_small(**overrides):
    """Two layers of 128 units both ways: 0.53M parameters at 40 mel bins and V = 29."""
    small = {"units": 128, "num_layers": 2, "conv_filters": (16, 16)}
    return DeepSpeech(**{"vocabulary_size": 29, **small, **overrides})


def deep_speech_medium(**overrides):
    """Three layers of 256 units both ways: 3.8M parameters at 80 mel bins and V = 29."""
    return DeepSpeech(**{"vocabulary_size": 29, "units": 256, "num_layers": 3, **overrides})


def deep_speech_large(**overrides):
    """Five layers of 512 units both ways: 22.5M parameters at 80 mel bins (arXiv:1512.02595, table 3)."""
    return DeepSpeech(**{"vocabulary_size": 29, "units": 512, "num_layers": 5, **overrides})


def deep_speech_streaming(**overrides):
    """Three layers of 256 units one way, 20 steps of lookahead: streams; 1.5M parameters at 80 mel bins."""
    streaming = {"units": 256, "num_layers": 3, "bidirectional": False, "lookahead": 20}
    return DeepSpeech(**{"vocabulary_size": 29, **streaming, **overrides})
