"""Symmetrically padded convolution inside TensorFlow's own operation: saves the padded copy of x."""

import tensorflow as tf


def padded_conv_tensorflow(x, kernel, stride, pad):
    """See `zoo.kernels.convolution.padded_conv_plain`."""
    symmetric = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    same = stride == 1 and kernel.shape[0] == kernel.shape[1] == 2 * pad + 1
    return tf.nn.conv2d(x, kernel, strides=stride, padding="SAME" if same else symmetric)
