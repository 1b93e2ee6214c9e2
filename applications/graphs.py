"""Functions of a network and of TensorFlow's own operations, on any backend."""

import keras
import tensorflow as tf


def graph(function, signature):
    """`function` as one TensorFlow graph; as it is on other backends, whose networks TensorFlow cannot trace.

    Args:
        function: of tensors; without Python's `if` and `while` on their values.
        signature: a list of `tf.TensorSpec`, one for each argument.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    return tf.function(function, input_signature=signature, autograph=False)
