"""Layer normalization as one XLA kernel forward and one backward, or as one operation of oneDNN."""

import platform

import tensorflow as tf

from zoo.kernels.compiled_tensorflow import compiled


def layer_norm_tensorflow(x, gamma, beta, epsilon):
    """See `zoo.kernels.layer_norm.layer_norm_plain`."""

    @tf.custom_gradient
    def apply(x, gamma, beta):
        y, mean, scale = _forward(x, gamma, beta, epsilon)
        return y, lambda upstream: _backward(x, gamma, mean, scale, upstream)

    return apply(tf.convert_to_tensor(x), tf.convert_to_tensor(gamma), tf.convert_to_tensor(beta))


def becomes_one_operation(x):
    """Whether TensorFlow makes one operation of `layer_norm_inference`: in graphs for an x86 CPU.

    A single step, [B, 1, D], belongs to a loop that XLA compiles, and XLA joins the plain form itself.
    """
    known = x.dtype == "float32" and len(x.shape) == 3 and x.shape[1] != 1 and not tf.executing_eagerly()
    return known and platform.machine() in ("x86_64", "AMD64") and not tf.config.list_physical_devices("GPU")


def layer_norm_inference(x, gamma, beta, epsilon):
    """`layer_norm_plain` of x [B, T, D], as TensorFlow knows it: rows are channels of a batch norm."""
    batch, length, width = tf.unstack(tf.shape(x))
    rows = batch * length
    ones, zeros = tf.fill([rows], 1.0), tf.fill([rows], 0.0)
    channels = tf.reshape(x, (1, rows, width, 1))
    y, _, _ = tf.compat.v1.nn.fused_batch_norm(
        channels, ones, zeros, epsilon=epsilon, data_format="NCHW", is_training=True
    )
    return tf.reshape(y, tf.shape(x)) * gamma + beta


@compiled
def _forward(x, gamma, beta, epsilon):
    wide = tf.cast(x, "float32")
    mean = tf.reduce_mean(wide, -1, keepdims=True)
    centred = wide - mean
    scale = tf.math.rsqrt(tf.reduce_mean(centred * centred, -1, keepdims=True) + epsilon)
    y = centred * scale * tf.cast(gamma, "float32") + tf.cast(beta, "float32")
    return tf.cast(y, x.dtype), mean, scale


@compiled
def _backward(x, gamma, mean, scale, upstream):
    normal = (tf.cast(x, "float32") - mean) * scale
    upstream = tf.cast(upstream, "float32")
    slope = upstream * tf.cast(gamma, "float32")
    along = tf.reduce_mean(slope * normal, -1, keepdims=True)
    to_x = scale * (slope - tf.reduce_mean(slope, -1, keepdims=True) - normal * along)
    rows = list(range(len(x.shape) - 1))
    to_gamma, to_beta = tf.reduce_sum(upstream * normal, rows), tf.reduce_sum(upstream, rows)
    return tf.cast(to_x, x.dtype), tf.cast(to_gamma, gamma.dtype), tf.cast(to_beta, gamma.dtype)
