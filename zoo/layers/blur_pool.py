"""Anti-aliased downsampling (Zhang 2019, arXiv:1904.11486).

Shapes: B batch, H height, W width, C channels.
"""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class BlurPool2D(keras.layers.Layer):
    """A fixed 3x3 binomial blur, [1 2 1]' [1 2 1] / 16, and a stride: shifts of the input alias less.

    Args:
        stride: spatial stride.
        **kwargs: `name`, `dtype`.

    Input: float [B, H, W, C]. Output: float [B, ceil(H/stride), ceil(W/stride), C].

    Example:
        >>> BlurPool2D(2)(keras.ops.ones((1, 6, 6, 4))).shape
        (1, 3, 3, 4)
    """

    def __init__(self, stride=2, **kwargs):
        super().__init__(**kwargs)
        self.stride = stride

    def build(self, input_shape):
        row = np.array([1.0, 2.0, 1.0]) / 4.0
        kernel = np.outer(row, row)[:, :, None, None]
        self.kernel = np.repeat(kernel, input_shape[-1], axis=2).astype("float32")  # [3, 3, C, 1]
        self.built = True

    def call(self, x):
        x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
        kernel = ops.convert_to_tensor(self.kernel, dtype=x.dtype)
        return ops.depthwise_conv(
            x, kernel, strides=self.stride, padding="valid", data_format="channels_last"
        )

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return batch, _ceil_div(height, self.stride), _ceil_div(width, self.stride), channels

    def get_config(self):
        return {**super().get_config(), "stride": self.stride}


def _ceil_div(size, stride):
    return None if size is None else -(-size // stride)
