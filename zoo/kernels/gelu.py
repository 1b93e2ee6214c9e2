"""GELU, exact and by tanh (arXiv:1606.08415)."""

from keras import ops


def gelu_plain(x, approximate=False):
    """y = x Phi(x), or with `approximate` 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
    return ops.gelu(x, approximate=approximate)


def gelu(x, approximate=False):
    """`gelu_plain` by the fastest path of the running backend."""
    return gelu_plain(x, approximate)
