"""Explicitly padded convolution inside TensorFlow's own operation: saves the padded copy of x."""

import tensorflow as tf


def padded_conv_tensorflow(x, kernel, stride, pad):
    """See `zoo.kernels.convolution.padded_conv_plain`."""
    return tf.nn.conv2d(x, kernel, strides=stride, padding=((0, 0), (pad, pad), (pad, pad), (0, 0)))
