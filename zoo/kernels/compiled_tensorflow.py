"""How the kernels of this room are compiled by XLA, one at a time, inside or outside of a larger graph."""

import tensorflow as tf


def compiled(function):
    """`function` of tensors and Python numbers, compiled once for each shape that it meets."""
    return tf.function(function, jit_compile=True, autograph=False)
