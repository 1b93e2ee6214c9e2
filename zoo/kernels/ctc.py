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
    log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    log_probs = ops.maximum(log_probs, IMPOSSIBLE)
    states = _with_blanks(labels, blank)  # [B, S]
    num_states = ops.shape(states)[1]
    one_hot = ops.one_hot(states, vocabulary, dtype="float32")  # [B, S, V]
    emissions = ops.matmul(log_probs, ops.swapaxes(one_hot, 1, 2))  # [B, T, S]
    emissions = ops.swapaxes(emissions, 0, 1)  # [T, B, S]

    position = ops.arange(num_states, dtype="int32")[None]
    last_state = 2 * label_lengths[:, None]
    may_begin = position <= ops.minimum(last_state, 1)
    may_end = (position >= last_state - 1) & (position <= last_state)
    two_before = _shifted(states, 2, blank)
    # A state may be reached past the blank before it, unless that would merge two equal labels.
    may_skip = (states != blank) & (states != two_before) & (position >= 2)
    skip_in = ops.where(may_skip, 0.0, IMPOSSIBLE)
    skip_out = _shifted(skip_in, -2, IMPOSSIBLE)

    def step(carry, both):
        """Alpha goes up in time while beta goes down; both hold the emission of their own step.

        Each is kept relative to its largest entry: at log p = -2000 float32 has no digits left to tell the
        paths apart.
        """
        alpha, beta, log_scale, log_p, time = carry
        emission, emission_back = ops.split(both, 2, axis=0)
        moved = _log_sum(alpha, _shifted(alpha, 1), _shifted(alpha, 2) + skip_in)
        alpha = ops.where(time == 0, ops.where(may_begin, 0.0, IMPOSSIBLE), moved) + emission
        top = ops.max(alpha, axis=-1, keepdims=True)
        alpha, log_scale = ops.maximum(alpha - top, IMPOSSIBLE), log_scale + top
        at_end = _log_sum_last(ops.where(may_end, alpha, IMPOSSIBLE)) + log_scale
        log_p = ops.where((logit_lengths == time + 1)[:, None], at_end, log_p)

        moved = _log_sum(beta, _shifted(beta, -1), _shifted(beta, -2) + skip_out)
        last = (logit_lengths == length - time)[:, None]
        beta = ops.where(last, ops.where(may_end, 0.0, IMPOSSIBLE), moved) + emission_back
        beta = ops.maximum(beta - ops.max(beta, axis=-1, keepdims=True), IMPOSSIBLE)
        carry = (alpha, beta, log_scale, log_p, time + 1)
        return carry, carry  # Keras on TensorFlow wants outputs of the same structure as the carry

    nothing = ops.full_like(emissions[0], IMPOSSIBLE)
    zero = ops.zeros_like(emissions[0, :, :1])
    # One sequence to scan over: with several, Keras on TensorFlow wants their length known.
    both = ops.concatenate([emissions, ops.flip(emissions, axis=0)], axis=1)  # [T, 2 B, S]
    begin = ops.cast(0, "int32")
    (*_, log_p, _), (alphas, betas, *_) = ops.scan(
        step, (nothing, nothing, zero, nothing[:, :1], begin), both
    )

    joint = alphas + ops.flip(betas, axis=0) - emissions  # log p of the paths through a state at a time
    share = ops.softmax(joint, axis=-1)
    share = ops.matmul(ops.swapaxes(share, 0, 1), one_hot)  # [B, T, V]
    feasible = (logit_lengths >= frames_needed(labels, label_lengths)) & (log_p[:, 0] > 0.5 * IMPOSSIBLE)
    time = ops.arange(length, dtype="int32")
    keep = (time[None] < logit_lengths[:, None]) & feasible[:, None]  # [B, T]
    gradient = ops.where(keep[..., None], ops.exp(log_probs) - share, 0.0)
    return ops.where(feasible, -log_p[:, 0], 0.0), gradient


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
    top = ops.maximum(ops.maximum(a, b), c)
    return top + ops.log(ops.exp(a - top) + ops.exp(b - top) + ops.exp(c - top))


def _log_sum_last(x):
    top = ops.max(x, axis=-1, keepdims=True)
    return top + ops.log(ops.sum(ops.exp(x - top), axis=-1, keepdims=True))
