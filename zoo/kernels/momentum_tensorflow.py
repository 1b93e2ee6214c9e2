"""Stochastic gradient descent with momentum on a TensorFlow variable, in place, by one kernel."""

import tensorflow as tf


def apply_momentum_tensorflow(variable, velocity, gradient, learning_rate, momentum, nesterov):
    """velocity <- momentum * velocity - learning_rate * gradient, and the variable moves along it.

    Args:
        variable, velocity: `tf.Variable` of one shape and type; of several devices, inside an `update` of
            the strategy.
        gradient: a tensor of that shape and type.
        learning_rate, momentum: numbers or scalars.
        nesterov: whether the variable looks one step ahead.
    """
    tf.raw_ops.ResourceApplyKerasMomentum(
        var=variable.handle,
        accum=velocity.handle,
        lr=tf.cast(learning_rate, variable.dtype),
        grad=gradient,
        momentum=tf.cast(momentum, variable.dtype),
        use_nesterov=nesterov,
    )
