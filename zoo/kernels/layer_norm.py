"""Layer normalization over the last axis (arXiv:1607.06450), and its form without mean (arXiv:1910.07467)."""

import keras
from keras import ops


def layer_norm_plain(x, gamma, beta, epsilon):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta over the last axis, inside in float32.

    Args:
        x: float [..., D].
        gamma, beta: float [D].
        epsilon: added to the variance.
    """
    wide = ops.cast(x, "float32")
    mean, variance = ops.moments(wide, axes=-1, keepdims=True)
    y = (wide - mean) * ops.rsqrt(variance + epsilon) * ops.cast(gamma, "float32")
    return ops.cast(y + ops.cast(beta, "float32"), x.dtype)


def layer_norm(x, gamma, beta, epsilon, training=False):
    """`layer_norm_plain` by the fastest path of the running backend; `training`: a gradient will be asked.

    TensorFlow's training step takes two thirds of the processor time by two kernels with their own gradient,
    and inference on a CPU half of it by one operation of oneDNN.
    """
    if keras.backend.backend() == "tensorflow":
        from zoo.kernels import layer_norm_tensorflow as fast

        if training:
            return fast.layer_norm_tensorflow(x, gamma, beta, epsilon)
        if fast.becomes_one_operation(x):
            return fast.layer_norm_inference(x, gamma, beta, epsilon)
    return layer_norm_plain(x, gamma, beta, epsilon)


def rms_norm(x, gamma, epsilon):
    """y = gamma x / sqrt(mean(x^2) + epsilon) over the last axis, inside in float32: float [..., D]."""
    wide = ops.cast(x, "float32")
    y = wide * ops.rsqrt(ops.mean(ops.square(wide), axis=-1, keepdims=True) + epsilon)
    return ops.cast(y * ops.cast(gamma, "float32"), x.dtype)
