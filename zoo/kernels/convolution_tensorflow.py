"""Symmetrically padded convolution by the paddings whose gradients oneDNN takes over."""

import tensorflow as tf


def padded_conv_tensorflow(x, kernel, stride, pad, training=False):
    """See `zoo.kernels.convolution.padded_conv_plain`.

    Where "SAME" pads alike on both sides it saves the padded copy. Explicit padding would save it for every
    stride, but on CPU the gradients then leave oneDNN's kernels: of a 7x7 convolution with stride 2 of 8
    images of 224 px the kernel's takes 33 ms for 12, in bfloat16 265; of a 3x3 one in bfloat16 500 for 17.

    x is padded, or cut, to just what the windows cover: with a row to spare the gradient of oneDNN's strided
    1x1 convolution writes past its memory (TensorFlow 2.21). To cut is slow, so of a 1x1 convolution a pool
    with one place a window takes what the stride leaves: forward and backward 33 ms for the 75 of explicit
    padding in the last stage of ResNet-50, in bfloat16 18 for 57 of the cut.
    """
    side = kernel.shape[0]
    if side == kernel.shape[1] == 2 * pad + 1 and (stride == 1 or side == 1):
        x = tf.nn.avg_pool2d(x, 1, stride, "SAME") if stride > 1 else x
        if side == 1 and training and not tf.config.list_physical_devices("GPU"):
            return _pointwise(x, kernel)
        return tf.nn.conv2d(x, kernel, strides=1, padding="SAME")
    height, width = (_covered(x, axis, side, stride, pad) for axis in (1, 2))
    if side < stride:
        x = x[:, : height[0], : width[0]]
    if pad:
        x = tf.pad(x, ((0, 0), (pad, height[1]), (pad, width[1]), (0, 0)))
    return tf.nn.conv2d(x, kernel, strides=stride, padding="VALID")


def _pointwise(x, kernel):
    """1x1 convolution with the gradient of its kernel as one matrix product over all pixels.

    For the 36 kernels in ResNet-50 on 8 images of 224 px it takes 107 ms where oneDNN's operation takes 136,
    in bfloat16 63 for 89.
    """

    @tf.custom_gradient
    def apply(x, kernel):
        def gradient(upstream):
            to_x = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x),
                filter=kernel,
                out_backprop=upstream,
                strides=[1, 1, 1, 1],
                padding="SAME",
            )
            pixels, slopes = (tf.reshape(part, (-1, part.shape[-1])) for part in (x, upstream))
            to_kernel = tf.matmul(pixels, slopes, transpose_a=True)
            return to_x, tf.reshape(to_kernel, kernel.shape)

        return tf.nn.conv2d(x, kernel, strides=1, padding="SAME"), gradient

    return apply(tf.convert_to_tensor(x), tf.convert_to_tensor(kernel))


def _covered(x, axis, side, stride, pad):
    """(rows of x under some window, rows of zeros behind them under the last window); numbers or tensors."""
    size = x.shape[axis]
    static = size is not None
    size = size if static else tf.shape(x)[axis]
    end = (size + 2 * pad - side) // stride * stride + side - pad  # of the last window
    smaller, larger = (min, max) if static else (tf.minimum, tf.maximum)
    return smaller(size, end), larger(end - size, 0)
