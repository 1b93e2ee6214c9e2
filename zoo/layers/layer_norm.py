"""Layer normalization with a gradient of its own, and RMS normalization.

Shapes: D model width.
"""

import keras
from keras import ops

from zoo import kernels


@keras.saving.register_keras_serializable("zoo")
class LayerNorm(keras.layers.LayerNormalization):
    """`keras.layers.LayerNormalization` of the last axis: same weights and numbers, a faster training step.

    Args:
        epsilon: added to the variance.
        **kwargs: the other arguments of `keras.layers.LayerNormalization`; with another `axis`, or without
            `center` and `scale`, the call goes to Keras.

    Input and output: float [..., D].

    Reference: arXiv:1607.06450.

    Example:
        >>> LayerNorm()(keras.ops.ones((2, 5, 8))).shape
        (2, 5, 8)
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(epsilon=epsilon, **kwargs)

    def call(self, x, training=None):
        last = self.axis in (-1, [-1], len(x.shape) - 1, [len(x.shape) - 1])
        if not (last and self.center and self.scale) or self.compute_dtype == "float64":
            return super().call(x)
        x = ops.cast(x, self.compute_dtype)
        return kernels.layer_norm(x, self.gamma, self.beta, self.epsilon, training=bool(training))


@keras.saving.register_keras_serializable("zoo")
class RMSNorm(keras.layers.Layer):
    """y = scale x / sqrt(mean(x^2) + epsilon) over the last axis, inside in float32.

    `keras.layers.RMSNormalization` by the kernels of this package, as `LayerNorm`.

    Args:
        epsilon: added to the mean square.
        **kwargs: `name`, `dtype`.

    Input and output: float [..., D].

    Reference: arXiv:1910.07467.

    Example:
        >>> RMSNorm()(keras.ops.ones((2, 5, 8))).shape
        (2, 5, 8)
    """

    def __init__(self, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        self.gamma = self.add_weight(name="gamma", shape=(input_shape[-1],), initializer="ones")
        self.built = True

    def call(self, x):
        return kernels.rms_norm(x, self.gamma, self.epsilon)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
