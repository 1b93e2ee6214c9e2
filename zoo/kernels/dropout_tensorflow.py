"""Dropout from a hash of each value's place: no random numbers in memory, and none kept for the gradient."""

import tensorflow as tf

from zoo.kernels.compiled_tensorflow import compiled

GOLDEN, FIRST, SECOND, THIRD = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)  # odd, well mixed bits


def dropout_tensorflow(x, rate, seed):
    """See `zoo.kernels.dropout.dropout_plain`."""
    seed = as_seed(seed)

    @tf.custom_gradient
    def apply(x):
        return _thin(x, rate, seed), lambda upstream: _thin(upstream, rate, seed)

    return apply(tf.convert_to_tensor(x))


@compiled
def _thin(x, rate, seed):
    return thin(x, rate, seed)


def as_seed(seed):
    """uint32 [2] from an integer or int [2]."""
    return tf.cast(tf.convert_to_tensor([seed, 0] if isinstance(seed, int) else seed), "uint32")


def thin(x, rate, seed):
    """x / (1 - rate) where the mask of `seed` keeps it, else 0; to be compiled."""
    kept = _hash(tf.shape(x), seed) >= tf.constant(min(round(rate * 2**32), 2**32 - 1), "uint32")
    return tf.where(kept, x * tf.cast(1 / (1 - rate), x.dtype), tf.zeros((), x.dtype))


def _hash(shape, seed):
    """uint32 of `shape`: the finalizer of xxHash32 on place and seed, uniform for every practical purpose."""
    key = _mix(seed[0] ^ (seed[1] * _word(THIRD) + _word(GOLDEN)))
    place = tf.reshape(tf.cast(tf.range(tf.reduce_prod(shape)), "uint32"), shape)
    return _mix(place * _word(GOLDEN) + key) * _word(SECOND)


def _mix(word):
    word = (word ^ tf.bitwise.right_shift(word, _word(15))) * _word(FIRST)
    return word ^ tf.bitwise.right_shift(word, _word(13))


def _word(value):
    return tf.constant(value, "uint32")
