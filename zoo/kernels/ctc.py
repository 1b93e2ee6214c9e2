"""Connectionist temporal classification: the loss and its gradient by one forward-backward pass.

Graves et al. 2006, "Connectionist temporal classification" (ICML), sections 4.1 and 4.2, in log space.

Shapes: B batch, T time, V vocabulary with the blank, L labels, S = 2 L + 1 labels with blanks between.
"""

import keras
from keras import ops

# Stands for log 0: finite, so that differences of two impossible paths are numbers.
IMPOSSIBLE = -1e30


def ctc_loss_and_gradient_plain(logits, labels, label_lengths, logit_lengths, blank=0):
    """-log p(labels | logits) of every row and its gradient.

    Args:
        logits: float [B, T, V]; rows count up to `logit_lengths`.
        labels: int32 [B, L]; rows count up to `label_lengths`.
        label_lengths, logit_lengths: int32 [B].
        blank: class of the blank.

    Returns: loss float32 [B], gradient float32 [B, T, V] of each row's own loss. Both are 0 in rows whose
    labels do not fit into their frames.
    """
    length, vocabulary = ops.shape(logits)[1], logits.shape[-1]
    batch = ops.shape(logits)[0]
    log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    log_probs = ops.maximum(log_probs, IMPOSSIBLE)
    states = _with_blanks(labels, blank)  # [B, S]
    one_hot = ops.one_hot(states, vocabulary, dtype="float32")  # [B, S, V]
    emissions = ops.matmul(log_probs, ops.swapaxes(one_hot, 1, 2))  # [B, T, S]
    emissions = ops.swapaxes(emissions, 0, 1)  # [T, B, S]

    position = ops.arange(ops.shape(states)[1], dtype="int32")[None]
    last_state = 2 * label_lengths[:, None]
    may_begin = position <= ops.minimum(last_state, 1)
    may_end = (position >= last_state - 1) & (position <= last_state)
    # The backward pass is the forward pass over the row read from its end, where its padding comes first:
    # both go as one batch of 2 B rows. A row begins at its first frame that is no padding.
    states = ops.concatenate([states, ops.flip(states, axis=1)], axis=0)
    both = ops.concatenate([emissions, ops.flip(emissions, axis=(0, 2))], axis=1)  # [T, 2 B, S]
    first = ops.concatenate([ops.zeros_like(logit_lengths), length - logit_lengths], axis=0)[:, None]
    begin = ops.concatenate([may_begin, ops.flip(may_end, axis=1)], axis=0)
    begin = ops.where(begin, 0.0, IMPOSSIBLE)
    # A state may be reached past the blank before it, unless that would merge two equal labels.
    may_skip = (states != blank) & (states != _shifted(states, 2, blank)) & (position >= 2)
    skip = ops.where(may_skip, 0.0, IMPOSSIBLE)

    def step(carry, emission):
        """Paths up to a state at a time, relative to the most likely one.

        At log p = -2000 float32 has no digits left to tell the paths apart.
        """
        paths, log_scale, time = carry
        moved = _log_sum(paths, _shifted(paths, 1), _shifted(paths, 2) + skip)
        paths = ops.where(time == first, begin, moved) + emission
        top = ops.max(paths, axis=-1, keepdims=True)
        carry = (ops.maximum(paths - top, IMPOSSIBLE), log_scale + top, time + 1)
        return carry, carry  # Keras on TensorFlow wants outputs of the same structure as the carry

    # One sequence to scan over: with several, Keras on TensorFlow wants their length known.
    nothing = ops.full_like(both[0], IMPOSSIBLE)
    start = (nothing, ops.zeros_like(nothing[:, :1]), ops.cast(0, "int32"))
    _, (paths, log_scale, _) = ops.scan(step, start, both)
    alphas, betas = paths[:, :batch], ops.flip(paths[:, batch:], axis=(0, 2))

    time = ops.arange(length, dtype="int32")
    at_end = ops.where(may_end, alphas, IMPOSSIBLE)
    at_end = (_log_sum_last(at_end) + log_scale[:, :batch])[..., 0]  # [T, B]
    log_p = ops.max(ops.where(time[:, None] == logit_lengths - 1, at_end, IMPOSSIBLE), axis=0)
    joint = alphas + betas - emissions  # log p of the paths through a state at a time
    share = ops.softmax(joint, axis=-1)
    share = ops.matmul(ops.swapaxes(share, 0, 1), one_hot)  # [B, T, V]
    feasible = (logit_lengths >= frames_needed(labels, label_lengths)) & (log_p > 0.5 * IMPOSSIBLE)
    keep = (time[None] < logit_lengths[:, None]) & feasible[:, None]  # [B, T]
    gradient = ops.where(keep[..., None], ops.exp(log_probs) - share, 0.0)
    return ops.where(feasible, -log_p, 0.0), gradient


def frames_needed(labels, label_lengths):
    """int32 [B]: the fewest frames that hold the labels: one each, and a blank between equal neighbours."""
    pair = ops.arange(1, ops.shape(labels)[1], dtype="int32")[None]
    repeats = (labels[:, 1:] == labels[:, :-1]) & (pair < label_lengths[:, None])
    return label_lengths + ops.sum(ops.cast(repeats, "int32"), axis=1)


def ctc_loss_and_gradient(logits, labels, label_lengths, logit_lengths, blank=0):
    """`ctc_loss_and_gradient_plain` by the fastest path of the running backend."""
    if keras.backend.backend() == "tensorflow":
        from zoo.kernels.ctc_tensorflow import ctc_loss_and_gradient_tensorflow

        return ctc_loss_and_gradient_tensorflow(logits, labels, label_lengths, logit_lengths, blank)
    return ctc_loss_and_gradient_plain(logits, labels, label_lengths, logit_lengths, blank)


def _with_blanks(labels, blank):
    """[B, L] -> [B, 2 L + 1]: a blank before, between and after."""
    batch, count = ops.shape(labels)[0], ops.shape(labels)[1]
    blanks = ops.full((batch, count, 1), blank, dtype="int32")
    pairs = ops.reshape(ops.concatenate([blanks, labels[..., None]], axis=-1), (batch, 2 * count))
    return ops.concatenate([pairs, blanks[:, :1, 0]], axis=1) if labels.shape[1] else pairs


def _shifted(x, by, fill=IMPOSSIBLE):
    """x[:, s - by], `fill` where that lies outside."""
    if by > 0:
        return ops.pad(x[:, :-by], ((0, 0), (by, 0)), constant_values=fill)
    return ops.pad(x[:, -by:], ((0, 0), (0, -by)), constant_values=fill)


def _log_sum(a, b, c):
    """log(exp a + exp b + exp c), by two exponentials: the greatest counts as 1."""
    least, greatest = ops.minimum(a, b), ops.maximum(a, b)
    middle = ops.maximum(least, ops.minimum(greatest, c))
    least, greatest = ops.minimum(least, c), ops.maximum(greatest, c)
    return greatest + ops.log(1.0 + ops.exp(middle - greatest) + ops.exp(least - greatest))


def _log_sum_last(x):
    top = ops.max(x, axis=-1, keepdims=True)
    return top + ops.log(ops.sum(ops.exp(x - top), axis=-1, keepdims=True))
