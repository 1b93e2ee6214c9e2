"""Cross-entropy over a large vocabulary, a piece of the sequence at a time.

The logits of a whole batch are often the largest array of a training step. Here those of one piece exist at
a time: its gradients are taken in the forward pass, so that nothing is computed twice.

Shapes: B batch, T time, D model width, V vocabulary.
"""

from keras import ops

from zoo.kernels.cross_entropy import cross_entropy

CHUNK = 64  # positions of a row whose logits exist together


def chunked_cross_entropy(hidden, kernel, targets, weights, chunk=CHUNK):
    """sum_t w_t (log sum_v exp(h_t . k_v) - h_t . k_target) / sum_t w_t, without all logits in memory.

    Args:
        hidden: float [B, T, D]. With T unknown it is one piece.
        kernel: float [V, D], of the logits.
        targets: int [B, T], in [0, V).
        weights: float [B, T], 0 for positions without a target; some must be above 0.
        chunk: positions of a piece.

    Returns: float32 scalar, with a gradient for `hidden` and `kernel`.

    Example:
        >>> hidden, kernel = keras.random.normal((2, 6, 4)), keras.random.normal((9, 4))
        >>> loss = chunked_cross_entropy(hidden, kernel, np.ones((2, 6), "int32"), np.ones((2, 6)), chunk=3)
        >>> logits = keras.ops.matmul(hidden, keras.ops.transpose(kernel))
        >>> whole = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(np.ones((2, 6)), logits)
        >>> bool(abs(float(loss - whole)) < 1e-5)
        True
    """
    targets, weights = ops.cast(targets, "int32"), ops.cast(weights, "float32")
    share = weights / ops.maximum(ops.sum(weights), 1e-9)
    pieces = _pieces(hidden, chunk)
    width = hidden.shape[-1]

    @ops.custom_gradient
    def loss_of(hidden, full_kernel):
        kernel = ops.cast(full_kernel, hidden.dtype)
        total, to_hidden, to_kernel = 0.0, [], None
        for begin, end in pieces:
            part = hidden[:, begin:end]
            rows = ops.reshape(part, (-1, width))  # [B C, D]
            part_share = ops.reshape(share[:, begin:end], (-1,))
            logits = ops.matmul(rows, ops.transpose(kernel))  # [B C, V]
            losses, gradient = cross_entropy(logits, ops.reshape(targets[:, begin:end], (-1,)))
            total = total + ops.sum(losses * part_share)
            gradient = gradient * ops.cast(part_share, gradient.dtype)[:, None]
            to_hidden.append(ops.reshape(ops.matmul(gradient, kernel), ops.shape(part)))
            product = ops.cast(ops.matmul(ops.transpose(gradient), rows), full_kernel.dtype)  # [V, D]
            to_kernel = product if to_kernel is None else to_kernel + product
        to_hidden = ops.concatenate(to_hidden, axis=1)

        def backward(*arguments, upstream=None):
            scale = arguments[0] if upstream is None else upstream
            return (
                to_hidden * ops.cast(scale, to_hidden.dtype),
                to_kernel * ops.cast(scale, to_kernel.dtype),
            )

        return total, backward

    # A custom gradient takes tensors; a reshape reads a variable without a copy.
    return loss_of(hidden, ops.reshape(kernel, kernel.shape))


def target_log_probs(hidden, kernel, targets, chunk=CHUNK):
    """log softmax(h_t . k)_target, float32 [B, T], without all logits in memory; without a gradient."""
    kernel = ops.transpose(ops.cast(kernel, hidden.dtype))
    parts = []
    for begin, end in _pieces(hidden, chunk):
        part = ops.cast(targets[:, begin:end], "int32")
        logits = ops.matmul(ops.reshape(hidden[:, begin:end], (-1, hidden.shape[-1])), kernel)
        losses, _ = cross_entropy(logits, ops.reshape(part, (-1,)))
        parts.append(ops.reshape(-losses, ops.shape(part)))
    return ops.concatenate(parts, axis=1)


def _pieces(hidden, chunk):
    length = hidden.shape[1]
    if length is None:
        return [(0, None)]
    return [(begin, min(begin + chunk, length)) for begin in range(0, length, chunk)]
