"""By what a mean loss was divided, so that means of parts of a batch add up to the mean of the whole."""

import itertools

import keras
from keras import ops
from keras.src.backend import get_keras_mask

ONE_BY_ONE = ("sum_over_batch_size", "mean")


def batch_size(x):
    """Examples in a batch: the first axis of its first tensor; a Python number where it is static."""
    return ops.shape(next(v for v in keras.tree.flatten(x) if v is not None))[0]


def loss_count(compile_loss, x, y_pred, sample_weight):
    """Count c by which the compiled loss was divided, float32 scalar; None for a loss that is a sum.

    Examples count where each enters alike, valid positions where the outputs carry a mask, weights where the
    loss is of reduction "mean_with_sample_weight" (a mean over tokens).

    Args:
        compile_loss: of a compiled model (`model._compile_loss`), called once; None for a loss of its own.
        x, y_pred, sample_weight: the batch.
    """
    examples = ops.cast(batch_size(x), "float32")
    losses = [entry.loss for entry in compile_loss._flat_losses] if compile_loss is not None else []
    kinds = {getattr(loss, "reduction", "mean") for loss in losses}
    if not losses or (kinds <= set(ONE_BY_ONE) and get_keras_mask(y_pred) is None):
        return examples
    if kinds == {"sum"}:
        return None
    if len(losses) > 1:
        raise ValueError(
            "loss: expected one loss, or several that are means over examples, where several devices or "
            f"micro-batches share a batch; found the reductions {[loss.reduction for loss in losses]}"
        )
    mask = get_keras_mask(y_pred)
    if kinds == {"mean_with_sample_weight"}:
        if sample_weight is None and mask is None:
            return examples
        weights = mask if sample_weight is None else sample_weight
        weights = ops.cast(weights, "float32")
        both = mask is not None and sample_weight is not None
        return ops.sum(weights * ops.cast(mask, "float32") if both else weights)
    return ops.sum(ops.cast(mask, "float32"))


def split(data, parts):
    """Batches (x, y, weights) of nearly the same size that make up `data`, in order.

    Example:
        >>> [int(part[0].shape[0]) for part in split((keras.ops.zeros((5, 2)), None), 2)]
        [2, 3]
    """
    size = batch_size(data)
    bounds = [size * j // parts for j in range(parts + 1)]
    return [
        keras.tree.map_structure(lambda v, a=a, b=b: None if v is None else v[a:b], data)
        for a, b in itertools.pairwise(bounds)
    ]
