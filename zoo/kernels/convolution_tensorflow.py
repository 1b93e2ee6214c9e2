"""Symmetrically padded convolution: by the paddings whose gradients oneDNN takes over, or by matrix products.

Shapes: B batch, H height, W width, C channels, C' filters, K side of the kernel; y is [B, H', W', C'].
"""

import tensorflow as tf

WIDE = 128  # channels from which matrix products are faster than strided convolutions
LARGE = 1 << 20  # numbers in a kernel from which turning it costs a 1x1 convolution more than it gains


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
    products = training and not tf.config.list_physical_devices("GPU")
    if side == kernel.shape[1] == 2 * pad + 1 and (stride == 1 or side == 1):
        x = tf.nn.avg_pool2d(x, 1, stride, "SAME") if stride > 1 else x
        if side == 1 and products:
            return _pointwise(x, kernel)
        return tf.nn.conv2d(x, kernel, strides=1, padding="SAME")
    height, width = (_covered(x, axis, side, stride, pad) for axis in (1, 2))
    if side < stride:
        x = x[:, : height[0], : width[0]]
    pads = ((0, 0), (pad, height[1]), (pad, width[1]), (0, 0))
    if products and stride <= pad + 1 and side == 2 * pad + 1 and min(kernel.shape[2:]) >= WIDE:
        return _strided(x, kernel, stride, pads)
    x = tf.pad(x, pads) if pad else x
    return tf.nn.conv2d(x, kernel, strides=stride, padding="VALID")


def _pointwise(x, kernel):
    """1x1 convolution of x [B, H, W, C] as a matrix product over all pixels, and its gradients too.

    A training step of ResNet-50 on 8 images of 224 px takes 3.5 % less than with oneDNN's convolutions, which
    turn each kernel into a layout of their own, in bfloat16 7 %. In float32 the gradient of x stays theirs
    where C < C' and the kernel is small: it is faster so.
    """
    channels, filters = kernel.shape[2:]
    convolves = x.dtype == tf.float32 and channels < filters and channels * filters < LARGE

    @tf.custom_gradient
    def apply(x, kernel):
        pixels, matrix = tf.reshape(x, (-1, channels)), tf.reshape(kernel, (channels, filters))

        def gradient(upstream):
            slopes = tf.reshape(upstream, (-1, filters))
            if convolves:
                to_x = tf.raw_ops.Conv2DBackpropInput(
                    input_sizes=tf.shape(x),
                    filter=kernel,
                    out_backprop=upstream,
                    strides=[1, 1, 1, 1],
                    padding="SAME",
                )
            else:
                to_x = tf.reshape(tf.matmul(slopes, matrix, transpose_b=True), tf.shape(x))
            to_kernel = tf.matmul(pixels, slopes, transpose_a=True)
            return to_x, tf.reshape(to_kernel, kernel.shape)

        y = tf.matmul(pixels, matrix)
        return tf.reshape(y, tf.concat((tf.shape(x)[:3], [filters]), 0)), gradient

    return apply(tf.convert_to_tensor(x), tf.convert_to_tensor(kernel))


def _strided(x, kernel, stride, pads):
    """Convolution of x [B, H, W, C], padded, with its kernel's gradient as a matrix product for each place.

    Every `stride`-th row and column of x is an image of its own there, in which a place of the kernel is a
    shift: no copies for the places. 6.4 ms for oneDNN's 9.8 in ResNet-50's second stage, 6.3 for 8.0 in the
    last, level in the third.
    """

    @tf.custom_gradient
    def apply(x, kernel):
        padded = tf.pad(x, pads)

        def gradient(upstream):
            to_padded = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(padded),
                filter=kernel,
                out_backprop=upstream,
                strides=[1, stride, stride, 1],
                padding="VALID",
            )
            (top, _), (left, _) = pads[1:3]
            size = tf.shape(x)
            to_x = tf.slice(to_padded, (0, top, left, 0), size)
            return to_x, _kernel_gradient(x, upstream, kernel.shape, stride, (top, left))

        return tf.nn.conv2d(padded, kernel, strides=stride, padding="VALID"), gradient

    return apply(tf.convert_to_tensor(x), tf.convert_to_tensor(kernel))


def _kernel_gradient(x, upstream, shape, stride, before):
    """Gradient of the kernel, of `shape` [K, K, C, C'], whose windows begin `before` rows, columns before x.

    x is [B, H, W, C], upstream [B, H', W', C'].
    """
    side = shape[0]
    more = (side - 1) // stride  # rows of a phase behind the last window's first
    sizes = tf.shape(upstream)[1:3] + more
    pads = [(first, stride * sizes[i] - first - tf.shape(x)[1 + i]) for i, first in enumerate(before)]
    phases = tf.space_to_batch_nd(x, [stride, stride], pads)
    phases = tf.reshape(phases, (stride * stride, -1, shape[2]))  # [s * s, pixels of all images, C]
    slopes = tf.reshape(tf.pad(upstream, ((0, 0), (0, more), (0, more), (0, 0))), (-1, shape[3]))
    pixels = tf.shape(slopes)[0]
    places = []
    for row in range(side):
        for column in range(side):
            shift = row // stride * sizes[1] + column // stride
            phase = phases[row % stride * stride + column % stride]
            places.append(tf.matmul(phase[shift:], slopes[: pixels - shift], transpose_a=True))
    return tf.reshape(tf.stack(places), shape)


def _covered(x, axis, side, stride, pad):
    """(rows of x under some window, rows of zeros behind them under the last window); numbers or tensors."""
    size = x.shape[axis]
    static = size is not None
    size = size if static else tf.shape(x)[axis]
    end = (size + 2 * pad - side) // stride * stride + side - pad  # of the last window
    smaller, larger = (min, max) if static else (tf.minimum, tf.maximum)
    return smaller(size, end), larger(end - size, 0)
