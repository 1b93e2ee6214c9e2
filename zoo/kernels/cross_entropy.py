"""Cross-entropy of logits and its gradient, together: what a loss over a large vocabulary is made of.

Shapes: N rows, V vocabulary.
"""

import keras
from keras import ops


def cross_entropy_plain(logits, targets):
    """(loss, gradient): loss = log sum_v exp(logits_v) - logits_target, gradient = softmax(logits) - one-hot.

    Args:
        logits: float [N, V].
        targets: int [N], in [0, V).

    Returns: float32 [N] and, in the dtype of `logits`, [N, V].
    """
    wide = ops.cast(logits, "float32")
    log_sum = ops.logsumexp(wide, axis=-1, keepdims=True)
    picked = ops.take_along_axis(wide, ops.cast(targets, "int32")[:, None], axis=-1)
    gradient = ops.exp(wide - log_sum) - ops.one_hot(targets, wide.shape[-1], dtype="float32")
    return (log_sum - picked)[:, 0], ops.cast(gradient, logits.dtype)


def cross_entropy(logits, targets):
    """`cross_entropy_plain` by the fastest path of the running backend."""
    if keras.backend.backend() == "tensorflow":
        from zoo.kernels.cross_entropy_tensorflow import cross_entropy_tensorflow

        return cross_entropy_tensorflow(logits, targets)
    return cross_entropy_plain(logits, targets)
