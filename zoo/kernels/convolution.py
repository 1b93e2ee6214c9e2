"""2-D convolution with explicit symmetric padding, as PyTorch and the original ResNet pad.

`padding="same"` in Keras pads an even-sized input on one side only when the stride is 2, so weights trained
with symmetric padding give other numbers there.
"""

import keras
from keras import ops


def padded_conv_plain(x, kernel, stride, pad):
    """Convolution of x padded by `pad` zeros on each side: float [B, H, W, C] -> [B, H', W', C'].

    Args:
        x: float [B, H, W, C].
        kernel: float [K, K, C, C'].
        stride: both spatial strides.
        pad: zeros added above, below, left and right.
    """
    x = ops.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    return ops.conv(x, kernel, strides=stride, padding="valid", data_format="channels_last")


def padded_conv(x, kernel, stride, pad, training=False):
    """`padded_conv_plain` by the fastest path of the backend; `training`: a gradient will be asked for."""
    if keras.backend.backend() == "tensorflow":
        from zoo.kernels.convolution_tensorflow import padded_conv_tensorflow

        return padded_conv_tensorflow(x, kernel, stride, pad, training)
    return padded_conv_plain(x, kernel, stride, pad)
