"""Dropout (arXiv:1207.0580) whose gradient draws the same mask again instead of keeping it."""

import keras
from keras import ops


def dropout_plain(x, rate, seed):
    """Each value becomes 0 with probability `rate`, else x / (1 - rate).

    Args:
        x: float, any shape.
        rate: in [0, 1), a Python number.
        seed: int [2], from `keras.random.SeedGenerator().next()`, or an integer.
    """
    return keras.random.dropout(x, rate, seed=seed)


def dropout(x, rate, seed):
    """`dropout_plain` by the fastest path of the running backend: other random numbers of the same law."""
    if not rate:
        return x
    if keras.backend.backend() == "tensorflow":
        from zoo.kernels.dropout_tensorflow import dropout_tensorflow

        return dropout_tensorflow(x, rate, seed)
    return dropout_plain(ops.convert_to_tensor(x), rate, seed)
