"""Dropout from cheap random bits, of any shape."""

import keras

from zoo import kernels


@keras.saving.register_keras_serializable("zoo")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` with fewer random bits; its gradient draws the mask again instead of keeping it.

    Args:
        rate: share of values that become 0, in [0, 1], in 65,536ths; the others grow by 1 / (1 - rate).
        **kwargs: the other arguments of `keras.layers.Dropout`.

    Input and output: float, any shape.

    Example:
        >>> Dropout(0.5)(keras.ops.ones((2, 3)), training=False).shape
        (2, 3)
    """

    def call(self, x, training=False):
        if not training or not 0 < self.rate < 1 or self.noise_shape is not None:
            return super().call(x, training=training)
        return kernels.dropout(x, self.rate, self.seed_generator.next())
