"""GELU as one XLA kernel forward and one backward, which computes the inner function again."""

import math

import tensorflow as tf

from zoo.kernels.compiled_tensorflow import compiled

ROOT_HALF, DENSITY = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)
ROOT_2_PI, CUBIC = math.sqrt(2 / math.pi), 0.044715


def gelu_tensorflow(x, approximate):
    """See `zoo.kernels.gelu.gelu`."""
    forward, backward = (_tanh, _tanh_gradient) if approximate else (_exact, _exact_gradient)

    @tf.custom_gradient
    def apply(x):
        return forward(x), lambda upstream: backward(x, upstream)

    return apply(tf.convert_to_tensor(x))


@compiled
def _exact(x):
    wide = tf.cast(x, "float32")
    return tf.cast(wide * (0.5 * (1 + tf.math.erf(wide * ROOT_HALF))), x.dtype)


@compiled
def _exact_gradient(x, upstream):
    wide = tf.cast(x, "float32")
    slope = 0.5 * (1 + tf.math.erf(wide * ROOT_HALF)) + wide * (DENSITY * tf.exp(-0.5 * wide * wide))
    return tf.cast(tf.cast(upstream, "float32") * slope, x.dtype)


@compiled
def _tanh(x):
    wide = tf.cast(x, "float32")
    return tf.cast(0.5 * wide * (1 + tf.tanh(ROOT_2_PI * (wide + CUBIC * wide * wide * wide))), x.dtype)


@compiled
def _tanh_gradient(x, upstream):
    wide = tf.cast(x, "float32")
    inner = tf.tanh(ROOT_2_PI * (wide + CUBIC * wide * wide * wide))
    slope = 0.5 * wide * (1 - inner * inner) * ROOT_2_PI * (1 + 3 * CUBIC * wide * wide)
    return tf.cast(tf.cast(upstream, "float32") * (0.5 * (1 + inner) + slope), x.dtype)
