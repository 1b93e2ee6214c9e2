"""The recursion of `zoo.kernels.ctc` compiled by XLA: one loop without a kernel launch an operation."""

import tensorflow as tf

from zoo.kernels.ctc import ctc_loss_and_gradient_plain

_STEP = 16  # lengths are rounded up to it, so that a ragged data set compiles a few programs, not hundreds


@tf.function(jit_compile=True)
def _compiled(logits, labels, label_lengths, logit_lengths, blank):
    return ctc_loss_and_gradient_plain(logits, labels, label_lengths, logit_lengths, blank)


def ctc_loss_and_gradient_tensorflow(logits, labels, label_lengths, logit_lengths, blank=0):
    """See `zoo.kernels.ctc.ctc_loss_and_gradient_plain`."""
    logits, labels = tf.cast(logits, "float32"), tf.cast(labels, "int32")
    time, count = tf.shape(logits)[1], tf.shape(labels)[1]
    more_time = (-time) % _STEP
    logits = tf.pad(logits, ((0, 0), (0, more_time), (0, 0)))
    labels = tf.pad(labels, ((0, 0), (0, (-count) % _STEP)))
    loss, gradient = _compiled(logits, labels, label_lengths, logit_lengths, blank)
    return loss, gradient[:, :time]
