"""The recursion of `zoo.kernels.ctc` compiled by XLA: one loop without a kernel launch an operation."""

import tensorflow as tf

from zoo.kernels.ctc import ctc_loss_and_gradient_plain

# XLA compiles a program for every shape, in seconds. Lengths that differ from batch to batch are rounded up
# to one of these, half an octave apart; a length known when the graph is built only to a multiple of 16.
_LENGTHS = tuple(n for k in range(4, 20) for n in (2**k, 3 * 2 ** (k - 1)))


@tf.function(jit_compile=True)
def _compiled(logits, labels, label_lengths, logit_lengths, blank):
    return ctc_loss_and_gradient_plain(logits, labels, label_lengths, logit_lengths, blank)


def ctc_loss_and_gradient_tensorflow(logits, labels, label_lengths, logit_lengths, blank=0):
    """See `zoo.kernels.ctc.ctc_loss_and_gradient_plain`."""
    logits, labels = tf.cast(logits, "float32"), tf.cast(labels, "int32")
    time = tf.shape(logits)[1]
    logits = tf.pad(logits, ((0, 0), (0, _missing(logits)), (0, 0)))
    labels = tf.pad(labels, ((0, 0), (0, _missing(labels))))
    loss, gradient = _compiled(logits, labels, label_lengths, logit_lengths, blank)
    return loss, gradient[:, :time]


def _missing(x):
    """How many steps to put behind x."""
    if x.shape[1] is not None and not tf.executing_eagerly():
        return -x.shape[1] % 16
    length = tf.shape(x)[1]
    lengths = tf.constant(_LENGTHS)
    return tf.reduce_min(tf.where(lengths >= length, lengths, _LENGTHS[-1])) - length
