"""GELU, exact and by tanh (arXiv:1606.08415).

By automatic differentiation its gradient is the slowest element-wise operation of a transformer. One compiled
kernel for each direction takes a third of the processor time under TensorFlow.
"""

import math

import keras
from keras import ops


def gelu_plain(x, approximate=False):
    """y = x Phi(x), or with `approximate` 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
    return ops.gelu(x, approximate=approximate)


def gelu(x, approximate=False, training=False):
    """`gelu_plain` by the fastest path of the running backend.

    Args:
        x: float, any shape.
        approximate: the tanh form.
        training: a gradient will be asked for. Without one TensorFlow joins GELU to the product before it.
    """
    if keras.backend.backend() != "tensorflow":
        return gelu_plain(x, approximate)
    if training:
        from zoo.kernels.gelu_tensorflow import gelu_tensorflow

        return gelu_tensorflow(x, approximate)
    if approximate:  # written so that TensorFlow knows it behind the product of a Keras layer
        return 0.5 * x * (1.0 + ops.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return gelu_plain(x, approximate)
