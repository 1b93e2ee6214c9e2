"""AdamW on TensorFlow variables, updated in place by one XLA kernel."""

import tensorflow as tf

from zoo.kernels.adam import adam_plain


def make_adam_tensorflow(variables, momentums, velocities, decays, rates, beta_1, beta_2, epsilon):
    """A function (gradients, alpha, shrink) that updates the variables; see `zoo.kernels.adam.adam_plain`.

    Args:
        variables, momentums, velocities: lists of `tf.Variable`, float32.
        decays: for each, whether it shrinks.
        rates: for each, a number that alpha and shrink are multiplied by.
        beta_1, beta_2, epsilon: numbers.
    """

    @tf.function(jit_compile=True, autograph=False)
    def step(gradients, alpha, shrink):
        rows = zip(variables, momentums, velocities, gradients, decays, rates, strict=True)
        for variable, momentum, velocity, gradient, decays_too, rate in rows:
            new = adam_plain(
                variable,
                momentum,
                velocity,
                gradient,
                alpha * rate,
                shrink * rate if decays_too else 0.0,
                beta_1,
                beta_2,
                epsilon,
            )
            for target, value in zip((variable, momentum, velocity), new, strict=True):
                target.assign(value)

    return step
