"""Recurrent layers with one input product for all steps and a gradient of their own.

Shapes: B batch, T time, F features, D units, G gates (3 of a GRU, 4 of an LSTM).
"""

import keras
from keras import ops

from zoo import kernels


class Recurrent(keras.layers.Layer):
    """What `GRU` and `LSTM` share: weights, directions, masks and state."""

    num_gates = None

    def __init__(
        self,
        units,
        bidirectional=False,
        merge="concat",
        time_major=False,
        zero_output_for_mask=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if merge not in ("concat", "sum"):
            raise ValueError(f"merge: expected 'concat' or 'sum', found {merge!r}")
        self.units = units
        self.bidirectional = bidirectional
        self.merge = merge
        self.time_major = time_major
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True

    def build(self, input_shape):
        gates = self.num_gates * self.units
        self.weights_of = []
        for direction in ("forward", "backward")[: 1 + self.bidirectional]:
            kernel = self.add_weight(
                (input_shape[-1], gates), initializer="glorot_uniform", name=f"{direction}_kernel"
            )
            recurrent = self.add_weight(
                (self.units, gates), initializer="orthogonal", name=f"{direction}_recurrent_kernel"
            )
            bias = self.add_weight(self.bias_shape, initializer=self.initial_bias, name=f"{direction}_bias")
            self.weights_of.append((kernel, recurrent, bias))
        self.built = True

    def call(self, x, mask=None, initial_state=None):
        """float [B, T, F] ([T, B, F] time-major) -> [B, T, D], [B, T, 2 D] with both directions side by side.

        mask: bool or int [B, T], whichever way x lies.
        """
        y, _ = self.run(x, initial_state, mask)
        return y

    def run(self, x, state=None, mask=None):
        """`call` that also gives the last state: tuple of float32 [B, D] a direction, to go on from."""
        x = ops.cast(x, self.compute_dtype)
        if not self.time_major:
            x = ops.swapaxes(x, 0, 1)
        keep = None if mask is None else ops.cast(ops.swapaxes(mask, 0, 1), "float32")[..., None]
        zeros = self.bidirectional if self.zero_output_for_mask is None else self.zero_output_for_mask
        zeros = zeros and keep is not None
        state = state or self.zero_state(ops.shape(x)[1])
        outputs, last = [], []
        for weights, begin, reverse in zip(self.weights_of, state, (False, True), strict=False):
            weights = [ops.cast(w, self.compute_dtype) for w in weights]
            h, *others = self.loop(x, *weights, begin, keep, reverse)
            last.append((h[0 if reverse else -1], *others))
            outputs.append(ops.cast(h * keep if zeros else h, self.compute_dtype))
        if len(outputs) == 1:
            y = outputs[0]
        else:
            y = ops.concatenate(outputs, axis=-1) if self.merge == "concat" else outputs[0] + outputs[1]
        return y if self.time_major else ops.swapaxes(y, 0, 1), last

    def zero_state(self, batch_size):
        """What `run` begins with: a list, one tuple of float32 [B, D] a direction."""
        zero = ops.zeros((batch_size, self.units), dtype="float32")
        return [(zero,) * self.num_states for _ in self.weights_of]

    def compute_mask(self, x, mask=None):
        return mask

    def compute_output_shape(self, input_shape):
        both = self.bidirectional and self.merge == "concat"
        return (*input_shape[:-1], self.units * (1 + both))

    def get_config(self):
        names = "units bidirectional merge time_major zero_output_for_mask"
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}


@keras.saving.register_keras_serializable("zoo")
class GRU(Recurrent):
    """Gated recurrent unit: h = z h' + (1 - z) tanh(x W_h + r (h' U_h + b)), z and r = sigmoid(x W + h' U).

    Faster in training than `keras.layers.GRU`, with its numbers and weights: `get_weights()` fits
    `keras.layers.GRU(units, return_sequences=True)` and `keras.layers.Bidirectional` of it.

    Args:
        units: D.
        bidirectional: a second loop from the last step to the first, with weights of its own.
        merge: "concat" or "sum" of the two directions.
        time_major: x and the output are [T, B, ...].
        zero_output_for_mask: a masked step gives 0; else it repeats the output before it. None is True with
            both directions and False with one, as in Keras.
        **kwargs: `name`, `dtype`.

    Input: float [B, T, F], with a Keras mask or not. Output: float [B, T, D], twice D with both directions
    side by side.

    Reference: Cho et al. 2014, arXiv:1406.1078.

    Example:
        >>> GRU(5, bidirectional=True)(keras.ops.ones((2, 7, 3))).shape
        (2, 7, 10)
    """

    num_gates = 3
    num_states = 1
    initial_bias = "zeros"

    @property
    def bias_shape(self):
        return (2, 3 * self.units)

    def loop(self, x, kernel, recurrent, bias, state, keep, reverse):
        """Time-major x -> (h of every step, float32 [T, B, D],)."""
        gates = 2 * self.units
        inner = ops.concatenate([bias[1, :gates], ops.zeros_like(bias[1, gates:])])
        inputs = _projected(x, kernel, bias[0] + inner)
        return (kernels.gru(inputs, recurrent, bias[1, gates:], *state, keep=keep, reverse=reverse),)


@keras.saving.register_keras_serializable("zoo")
class LSTM(Recurrent):
    """Long short-term memory: c = f c' + i g, h = o tanh(c), gates i, f, g, o of x W + h' U + b.

    As `keras.layers.LSTM`, with a state to go on from and rows of several lengths: `get_weights()` fits
    `keras.layers.LSTM(units, return_sequences=True)` and `keras.layers.Bidirectional` of it.

    Args:
        units: D.
        bidirectional: a second loop from the last step to the first, with weights of its own.
        merge: "concat" or "sum" of the two directions.
        time_major: x and the output are [T, B, ...].
        zero_output_for_mask: a masked step gives 0; else it repeats the output before it. None is True with
            both directions and False with one, as in Keras.
        **kwargs: `name`, `dtype`.

    Input: float [B, T, F], with a Keras mask or not. Output: float [B, T, D], twice D with both directions
    side by side.

    Reference: Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000.

    Example:
        >>> LSTM(5, time_major=True)(keras.ops.ones((7, 2, 3))).shape
        (7, 2, 5)
    """

    num_gates = 4
    num_states = 2

    @property
    def bias_shape(self):
        return (4 * self.units,)

    def initial_bias(self, shape, dtype=None):
        """One for the forget gate (Jozefowicz et al. 2015), zero elsewhere."""
        gate = ops.arange(shape[0]) // self.units
        return ops.cast(gate == 1, dtype or "float32")

    def loop(self, x, kernel, recurrent, bias, state, keep, reverse):
        """Time-major x -> h of every step, float32 [T, B, D]; the last c, float32 [B, D]."""
        inputs = _projected(x, kernel, bias)
        return kernels.lstm(inputs, recurrent, state, keep=keep, reverse=reverse)


def _projected(x, kernel, bias):
    """[T, B, F] -> [T, B, G D]: as one matrix, whose product TensorFlow joins with the bias."""
    steps, batch = ops.shape(x)[:2]
    product = ops.matmul(ops.reshape(x, (-1, x.shape[-1])), kernel) + bias
    return ops.reshape(product, (steps, batch, kernel.shape[1]))
