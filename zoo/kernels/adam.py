"""The step of AdamW (arXiv:1711.05101) for all variables of a model at once.

Written in operations it reads and writes every weight a dozen times; as one compiled kernel, once.
"""

from keras import ops


def adam_plain(value, momentum, velocity, gradient, alpha, shrink, beta_1, beta_2, epsilon):
    """m' = m + (1 - b1) (g - m), v' = v + (1 - b2) (g^2 - v), x' = (1 - s) x - alpha m' / (sqrt(v') + e).

    Args:
        value, momentum, velocity, gradient: x, m, v, g of one shape.
        alpha: learning rate with the correction for the early steps.
        shrink: s, the learning rate times the weight decay, or 0.
        beta_1, beta_2, epsilon: b1, b2, e.

    Returns: x', m', v'.
    """
    momentum = momentum + (gradient - momentum) * (1 - beta_1)
    velocity = velocity + (ops.square(gradient) - velocity) * (1 - beta_2)
    value = value - value * shrink - momentum * alpha / (ops.sqrt(velocity) + epsilon)
    return value, momentum, velocity
