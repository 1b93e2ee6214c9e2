"""Correlation of two rows of numbers: Pearson's and Spearman's. NumPy only."""

import numpy as np


def pearson(a, b):
    """Linear correlation in [-1, 1] of two arrays [N]; NaN where one of them does not vary.

    Example:
        >>> round(pearson([1, 2, 3], [1, 2, 4]), 4)
        0.982
    """
    a, b = _check(a, b)
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else float("nan")


def spearman(a, b):
    """Correlation of the ranks, equal values sharing their mean rank.

    Example:
        >>> spearman([1, 2, 3], [1, 8, 27])
        1.0
    """
    a, b = _check(a, b)
    return pearson(_ranks(a), _ranks(b))


def _check(a, b):
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(
            f"a, b: expected two arrays [N] with N at least 2, found shapes {a.shape}, {b.shape}"
        )
    return a, b


def _ranks(values):
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]
