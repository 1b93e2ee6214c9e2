"""Symmetrically padded convolution inside TensorFlow's own operation: saves the padded copy of x."""

import tensorflow as tf


def padded_conv_tensorflow(x, kernel, stride, pad):
    """See `zoo.kernels.convolution.padded_conv_plain`.

    On CPU the gradient of a strided bfloat16 convolution is taken in float32: oneDNN has no fast path for it
    (28 px, 16 to 32 channels, batch 128, forward and backward: 90 ms, so 10).
    """
    kernel = tf.convert_to_tensor(kernel)  # cast by its policy
    same = stride == 1 and kernel.shape[0] == kernel.shape[1] == 2 * pad + 1
    padding = "SAME" if same else ((0, 0), (pad, pad), (pad, pad), (0, 0))
    if stride > 1 and x.dtype == tf.bfloat16 and not tf.config.list_physical_devices("GPU"):
        return _conv_with_wide_gradient(x, kernel, stride, padding)
    return tf.nn.conv2d(x, kernel, strides=stride, padding=padding)


def _conv_with_wide_gradient(x, kernel, stride, padding):
    @tf.custom_gradient
    def conv(x, kernel):
        def gradient(dy):
            wide_x, wide_kernel = tf.cast(x, "float32"), tf.cast(kernel, "float32")
            arguments = {
                "out_backprop": tf.cast(dy, "float32"),
                "strides": (1, stride, stride, 1),
                "padding": "EXPLICIT",
                "explicit_paddings": [n for pair in padding for n in pair],
            }
            dx = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x), filter=wide_kernel, **arguments
            )  # [B, H, W, C]
            dk = tf.raw_ops.Conv2DBackpropFilter(input=wide_x, filter_sizes=kernel.shape, **arguments)
            return tf.cast(dx, x.dtype), tf.cast(dk, kernel.dtype)

        return tf.nn.conv2d(x, kernel, strides=stride, padding=padding), gradient

    return conv(x, kernel)
