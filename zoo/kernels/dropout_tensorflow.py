"""Dropout from 16 random bits a value: half the random numbers of TensorFlow's own, and no floats to make."""

import tensorflow as tf

from zoo.kernels.dropout import LEVELS


def keep_mask(shape, rate, seed):
    """bool of `shape`, True with probability 1 - rate (in 65,536ths); the same for the same seed."""
    size = tf.reduce_prod(shape)
    words = tf.random.stateless_uniform(
        [(size + 1) // 2], seed, minval=None, maxval=None, dtype="int32", alg="philox"
    )
    bits = tf.reshape(tf.bitcast(words, "uint16"), [-1])[:size]
    return tf.reshape(bits >= tf.constant(round(rate * LEVELS), "uint16"), shape)


def dropout_tensorflow(x, rate, seed):
    """See `zoo.kernels.dropout.dropout_plain`."""
    scale = LEVELS / (LEVELS - round(rate * LEVELS))
    seed = tf.cast(seed if tf.is_tensor(seed) else tf.constant([seed, 0]), "int32")

    @tf.custom_gradient
    def apply(x):
        def thin(values):
            mask = keep_mask(tf.shape(values), rate, seed)
            return tf.where(mask, values * tf.cast(scale, values.dtype), tf.zeros((), values.dtype))

        return thin(x), thin

    return apply(tf.convert_to_tensor(x))
