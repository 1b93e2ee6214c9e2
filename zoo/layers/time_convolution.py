"""Convolutions along time for speech: by true lengths, and piece by piece with the same numbers.

Shapes: B batch, T time, F frequency bins, C channels, D features.
"""

import keras
from keras import ops


class TimePieces:
    """Feeds a sequence piece by piece to an operation that looks `left` steps back and `right` ahead.

    The state is what later outputs still need: float [B, n, ...], at first `left` zeros.
    """

    def run(self, x, state=None, final=False):
        """The outputs that x completes, and the state for the next piece.

        Args:
            x: [B, n, ...], any n; with `final` the end of the sequence.
            state: of the piece before; None at the beginning.
            final: the sequence ends with x.
        """
        x = ops.cast(x, self.compute_dtype)
        x = _padded(x, self.left, 0) if state is None else ops.concatenate([state, x], axis=1)
        x = _padded(x, 0, self.right) if final else x
        span = self.left + self.right + 1
        count = ops.maximum((ops.shape(x)[1] - span) // self.stride + 1, 0)
        # One more window of zeros keeps the operation legal where there is nothing to put out yet.
        y = self.windows(_padded(x, 0, span))
        return y[:, :count], x[:, count * self.stride :]


@keras.saving.register_keras_serializable("zoo")
class TimeConv(TimePieces, keras.layers.Layer):
    """y = relu(conv(x)) over time and frequency, where time stops at each row's length.

    `keras.layers.Conv2D` knows no lengths: what lies behind the end of a row leaks into it, and padding
    changes the output. "Same" padding, centred on each window in time.

    Args:
        filters: channels of the output.
        kernel_size: (time, frequency).
        strides: (time, frequency).
        **kwargs: `name`, `dtype`.

    Input: float [B, T, F, C] and optionally `lengths`, int32 [B]. Output: float [B, ceil(T / stride),
    ceil(F / stride), filters]; steps behind `output_lengths(lengths)` are 0.

    Example:
        >>> TimeConv(4, (3, 3), (2, 2))(keras.ops.ones((2, 9, 7, 1))).shape
        (2, 5, 4, 4)
    """

    def __init__(self, filters, kernel_size, strides=(1, 1), **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)
        self.stride = self.strides[0]
        self.left = (self.kernel_size[0] - 1) // 2
        self.right = self.kernel_size[0] - 1 - self.left

    def build(self, input_shape):
        shape = (*self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape, initializer="he_normal", name="kernel")
        self.bias = self.add_weight((self.filters,), initializer="zeros", name="bias")
        self.built = True

    def call(self, x, lengths=None):
        x = ops.cast(x, self.compute_dtype)
        x = zero_behind(x, lengths)
        y = self.windows(_padded(x, self.left, self.right))
        return y if lengths is None else zero_behind(y, self.output_lengths(lengths))

    def windows(self, x):
        """Every whole window in time; x holds its padding."""
        size = self.kernel_size[1]
        before = (size - 1) // 2
        x = ops.pad(x, ((0, 0), (0, 0), (before, size - 1 - before), (0, 0)))
        kernel = ops.cast(self.kernel, self.compute_dtype)
        y = ops.conv(x, kernel, strides=self.strides, padding="valid", data_format="channels_last")
        return ops.relu(y + ops.cast(self.bias, self.compute_dtype))

    def output_lengths(self, lengths):
        """Steps of the output that come from steps within `lengths`."""
        return (lengths + self.stride - 1) // self.stride

    def compute_output_shape(self, input_shape):
        batch, *sizes, _ = input_shape
        sizes = (None if n is None else -(-n // s) for n, s in zip(sizes, self.strides, strict=True))
        return (batch, *sizes, self.filters)

    def get_config(self):
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("zoo")
class Lookahead(TimePieces, keras.layers.Layer):
    """y[t] = sum over j = 0..context of w[j] x[t + j], each feature by itself.

    Gives a one-way recurrent stack a glimpse of the future at a fixed delay; Keras has no such layer.

    Args:
        context: steps ahead.
        **kwargs: `name`, `dtype`.

    Input and output: float [B, T, D]; steps behind the end count as 0.

    Reference: Wang et al. 2016, "Lookahead convolution layer for unidirectional recurrent networks"; Deep
    Speech 2, arXiv:1512.02595, section 3.7.

    Example:
        >>> Lookahead(3)(keras.ops.ones((2, 9, 5))).shape
        (2, 9, 5)
    """

    left = 0
    stride = 1

    def __init__(self, context, **kwargs):
        super().__init__(**kwargs)
        self.context = self.right = context

    def build(self, input_shape):
        # Begins as the present step alone, with a little of the future.
        self.kernel = self.add_weight(
            (self.context + 1, input_shape[-1]), initializer=_present, name="kernel"
        )
        self.built = True

    def call(self, x, lengths=None):
        x = zero_behind(ops.cast(x, self.compute_dtype), lengths)
        return self.windows(_padded(x, 0, self.context))

    def windows(self, x):
        count = ops.shape(x)[1] - self.context
        kernel = ops.cast(self.kernel, self.compute_dtype)
        return sum(kernel[j] * x[:, j : j + count] for j in range(self.context + 1))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "context": self.context}


def _padded(x, before, after):
    """x with steps of zeros at either end."""
    return ops.pad(x, ((0, 0), (before, after), *((0, 0),) * (len(x.shape) - 2)))


def _present(shape, dtype=None):
    """1 for the step itself, falling shares of one tenth for the steps ahead."""
    ahead = ops.arange(shape[0], dtype="float32")[:, None]
    return ops.cast(ops.where(ahead == 0, 1.0, 0.1 / (1.0 + ahead)) * ops.ones(shape), dtype or "float32")


def zero_behind(x, lengths):
    """x with zeros in all steps t >= lengths; x itself where `lengths` is None."""
    if lengths is None:
        return x
    inside = ops.arange(ops.shape(x)[1], dtype="int32")[None] < ops.cast(lengths, "int32")[:, None]
    return ops.where(ops.reshape(inside, (*ops.shape(inside), *(1,) * (len(x.shape) - 2))), x, 0.0)
