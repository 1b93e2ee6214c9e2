"""Squeeze-and-excitation (Hu et al. 2017, arXiv:1709.01507).

Shapes: B batch, H height, W width, C channels.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class SqueezeExcite(keras.layers.Layer):
    """Channels reweighted by what the whole image holds: y = x * sigmoid(W2 relu(W1 mean(x))).

    Args:
        ratio: width of the bottleneck W1 as a share of C, in (0, 1].
        **kwargs: `name`, `dtype`.

    Input and output: float [B, H, W, C].

    Example:
        >>> SqueezeExcite(0.25)(keras.ops.ones((1, 6, 6, 16))).shape
        (1, 6, 6, 16)
    """

    def __init__(self, ratio=0.0625, **kwargs):
        super().__init__(**kwargs)
        if not 0 < ratio <= 1:
            raise ValueError(f"ratio: expected a number in (0, 1], found {ratio}")
        self.ratio = ratio

    def build(self, input_shape):
        channels = input_shape[-1]
        hidden = max(8, round(channels * self.ratio))
        self.reduce = keras.layers.Dense(hidden, activation="relu", name="reduce", dtype=self.dtype_policy)
        self.expand = keras.layers.Dense(
            channels, activation="sigmoid", name="expand", dtype=self.dtype_policy
        )
        self.reduce.build((None, channels))
        self.expand.build((None, hidden))
        self.built = True

    def call(self, x):
        pooled = ops.mean(x, axis=(1, 2))  # [B, C]
        scale = self.expand(self.reduce(pooled))
        return x * scale[:, None, None, :]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio}
