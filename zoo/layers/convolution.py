"""2-D convolution padded alike on both sides, whatever the stride.

Shapes: B batch, H height, W width, C channels.
"""

import keras

from zoo.kernels import padded_conv


@keras.saving.register_keras_serializable("zoo")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` without bias, with `kernel_size // 2` zeros on each side and He initialization.

    Keras' `padding="same"` pads an even-sized input on one side only when the stride is 2, so published
    ResNet weights, trained with symmetric padding, need this one.

    Args:
        filters: channels C' of the output.
        kernel_size: odd side of the kernel.
        stride: spatial stride.
        **kwargs: `name`, `dtype`, `trainable`.

    Input: float [B, H, W, C]. Output: float [B, ceil(H/stride), ceil(W/stride), filters].

    Reference: He initialization, fan-out, arXiv:1502.01852.

    Example:
        >>> Conv2D(8, 3, stride=2)(keras.ops.zeros((1, 28, 28, 3))).shape
        (1, 14, 14, 8)
    """

    def __init__(self, filters, kernel_size, stride=1, **kwargs):
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size: expected an odd integer, found {kernel_size}")
        super().__init__(
            filters,
            kernel_size,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal"),
            data_format="channels_last",
            **kwargs,
        )
        self.stride = stride

    def call(self, inputs, training=None):
        pad = self.kernel_size[0] // 2
        return padded_conv(inputs, self.kernel, self.stride, pad, training=bool(training))

    def get_config(self):
        base = keras.layers.Layer.get_config(self)
        return {**base, "filters": self.filters, "kernel_size": self.kernel_size[0], "stride": self.stride}
