"""Softmax, mask and dropout of attention as one XLA kernel forward and one backward."""

import tensorflow as tf

from zoo.kernels.attention import HIDDEN
from zoo.kernels.compiled_tensorflow import compiled
from zoo.kernels.dropout_tensorflow import as_seed, thin


def attention_weights_tensorflow(scores, seen, rate, seed):
    """See `zoo.kernels.attention.attention_weights_plain`. Without dropout its part is left out."""
    seen = tf.ones((1, 1, 1, 1), "bool") if seen is None else seen
    seed = as_seed(seed if rate else 0)

    @tf.custom_gradient
    def apply(scores):
        dropped, weights = _forward(scores, seen, rate, seed)
        return dropped, lambda upstream: _backward(weights, upstream, rate, seed)

    return apply(scores)


@compiled
def _forward(scores, seen, rate, seed):
    wide = tf.where(seen, tf.cast(scores, "float32"), HIDDEN)
    weights = tf.cast(tf.nn.softmax(wide), scores.dtype)
    return (thin(weights, rate, seed) if rate else weights), weights


@compiled
def _backward(weights, upstream, rate, seed):
    wide, upstream = tf.cast(weights, "float32"), tf.cast(upstream, "float32")
    if rate:
        upstream = thin(upstream, rate, seed)
    inner = tf.reduce_sum(wide * upstream, -1, keepdims=True)
    return tf.cast(wide * (upstream - inner), weights.dtype)
