"""Keras layers on `keras.ops` and `zoo.kernels`; none imports TensorFlow by itself."""

from zoo.layers.blur_pool import BlurPool2D
from zoo.layers.convolution import Conv2D
from zoo.layers.normalization import BatchNorm
from zoo.layers.residual import BasicBlock, BottleneckBlock, PreActivationBlock
from zoo.layers.squeeze_excite import SqueezeExcite

__all__ = [
    "BasicBlock",
    "BatchNorm",
    "BlurPool2D",
    "BottleneckBlock",
    "Conv2D",
    "PreActivationBlock",
    "SqueezeExcite",
]
