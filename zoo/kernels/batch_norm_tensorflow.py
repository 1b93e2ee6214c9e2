"""Batch normalization by TensorFlow's fused operation, forward and gradient in one pass each."""

import tensorflow as tf


def replicas():
    """Devices that share the batch: 1 outside of a replica of `tf.distribute`."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def moments_over_replicas(x, axes, mask=None):
    """Mean and (biased) variance over `axes` and over all devices, with their gradients, float [C].

    Two passes, the variance around the mean of the whole batch: the difference of E x^2 and (E x)^2, which
    Keras' `synchronized=True` takes, loses half of the digits.

    Args:
        x: float; the axes that stay are its last ones.
        axes: of x, summed over, in ascending order.
        mask: bool, of the shape of x but for the last axis; positions that count. None: all.
    """
    weights = tf.ones_like(x)
    if mask is not None:
        weights *= tf.cast(mask, x.dtype)[..., None]
        x = tf.where(weights > 0, x, tf.zeros_like(x))
    count, total = _sum_over_replicas([_sum(weights, axes), _sum(x, axes)])
    mean = tf.math.divide_no_nan(total, count)
    squares = _sum_over_replicas(_sum(weights * tf.square(x - mean), axes))
    return mean, tf.math.divide_no_nan(squares, count)


def _sum(x, axes):
    """Sum over each example, then over examples: on CPU one sum over all rows loses a digit more."""
    return tf.reduce_sum(tf.reduce_sum(x, axes[1:]), axes[0])


def _sum_over_replicas(values):
    if replicas() == 1:
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def batch_norm_tensorflow(x, gamma, beta, epsilon):
    """See `zoo.kernels.batch_norm.batch_norm_plain`; statistics over all devices that share a batch."""
    if replicas() > 1:
        return batch_norm_by_moments(x, gamma, beta, epsilon)
    gamma, beta = tf.cast(gamma, "float32"), tf.cast(beta, "float32")
    empty = tf.zeros((0,), "float32")
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=empty, variance=empty, epsilon=epsilon, is_training=True
    )
    count = tf.cast(
        tf.size(x) // tf.shape(x)[-1], "float32"
    )  # the operation returns count / (count - 1) times
    return y, mean, variance * (count - 1.0) / tf.maximum(count, 1.0)


def batch_norm_by_moments(x, gamma, beta, epsilon):
    """The same on any number of devices, in several passes.

    Its statistics are within 3e-7 of float64's on 32 images of 28 px, those of the fused operation, which
    sums all rows one by one, within 5e-6.
    """
    wide = tf.cast(x, "float32")
    mean, variance = moments_over_replicas(wide, axes=(0, 1, 2))
    scale = tf.cast(gamma, "float32") * tf.math.rsqrt(variance + epsilon)
    y = (wide - mean) * scale + tf.cast(beta, "float32")
    return tf.cast(y, x.dtype), mean, variance


def batch_norm_inference_tensorflow(x, gamma, beta, mean, variance, epsilon):
    """See `zoo.kernels.batch_norm.batch_norm_inference`; fuses with the convolution before it."""
    gamma, beta, mean, variance = (tf.cast(v, "float32") for v in (gamma, beta, mean, variance))
    return tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=mean, variance=variance, epsilon=epsilon, is_training=False
    ).y
