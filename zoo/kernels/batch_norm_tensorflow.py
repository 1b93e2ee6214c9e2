"""Batch normalization by TensorFlow's fused operation, forward and gradient in one pass each."""

import tensorflow as tf


def batch_norm_tensorflow(x, gamma, beta, epsilon):
    """See `zoo.kernels.batch_norm.batch_norm_plain`."""
    gamma, beta = tf.cast(gamma, "float32"), tf.cast(beta, "float32")
    empty = tf.zeros((0,), "float32")
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=empty, variance=empty, epsilon=epsilon, is_training=True
    )
    count = tf.cast(
        tf.size(x) // tf.shape(x)[-1], "float32"
    )  # the operation returns count / (count - 1) times
    return y, mean, variance * (count - 1.0) / tf.maximum(count, 1.0)


def batch_norm_inference_tensorflow(x, gamma, beta, mean, variance, epsilon):
    """See `zoo.kernels.batch_norm.batch_norm_inference`; fuses with the convolution before it."""
    gamma, beta, mean, variance = (tf.cast(v, "float32") for v in (gamma, beta, mean, variance))
    return tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=mean, variance=variance, epsilon=epsilon, is_training=False
    ).y
