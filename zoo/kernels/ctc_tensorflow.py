"""The recursion of `zoo.kernels.ctc` compiled by XLA: one loop without a kernel launch an operation.

A loop runs on one core. In a graph the halves of a batch are two loops side by side.
"""

import tensorflow as tf

from zoo.kernels.ctc import ctc_loss_and_gradient_plain

# XLA compiles a program for every shape, in seconds. Lengths that differ from batch to batch are rounded up
# to one of these, half an octave apart; a length known when the graph is built only to the next multiple.
_LENGTHS = tuple(n for k in range(4, 20) for n in (2**k, 3 * 2 ** (k - 1)))


@tf.function(jit_compile=True)
def _compiled(logits, labels, label_lengths, logit_lengths, blank):
    return ctc_loss_and_gradient_plain(logits, labels, label_lengths, logit_lengths, blank)


def ctc_loss_and_gradient_tensorflow(logits, labels, label_lengths, logit_lengths, blank=0):
    """See `zoo.kernels.ctc.ctc_loss_and_gradient_plain`."""
    logits, labels = tf.cast(logits, "float32"), tf.cast(labels, "int32")
    time = tf.shape(logits)[1]
    logits = tf.pad(logits, ((0, 0), (0, _missing(logits, 16)), (0, 0)))
    labels = tf.pad(labels, ((0, 0), (0, _missing(labels, 8))))
    rows = (logits, labels, label_lengths, logit_lengths)
    if tf.executing_eagerly() or logits.shape[0] == 1:
        loss, gradient = _compiled(*rows, blank)
    else:
        half = tf.shape(logits)[0] // 2
        halves = [_compiled(*part, blank) for part in ([r[:half] for r in rows], [r[half:] for r in rows])]
        loss, gradient = (tf.concat(parts, axis=0) for parts in zip(*halves, strict=True))
    return loss, gradient[:, :time]


def _missing(x, multiple):
    """How many steps to put behind x."""
    if x.shape[1] is not None and not tf.executing_eagerly():
        return -x.shape[1] % multiple
    length = tf.shape(x)[1]
    lengths = tf.constant(_LENGTHS)
    return tf.reduce_min(tf.where(lengths >= length, lengths, _LENGTHS[-1])) - length
