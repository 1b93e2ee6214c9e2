"""The rows of a batch that the replicas of `tf.distribute` share."""

import tensorflow as tf

from zoo.kernels.batch_norm_tensorflow import replicas


def whole_batch_tensorflow(x):
    """See `zoo.kernels.whole_batch.whole_batch`; shares may differ in size, and its gradient is summed."""
    if replicas() == 1:
        return x
    context = tf.distribute.get_replica_context()
    number = context.replica_id_in_sync_group
    rows = tf.shape(x)[0]
    counts = context.all_reduce(
        tf.distribute.ReduceOp.SUM, tf.one_hot(number, replicas(), dtype="int32") * rows
    )
    before = tf.reduce_sum(counts[:number])
    after = tf.reduce_sum(counts) - before - rows
    paddings = [[before, after]] + [[0, 0]] * (x.shape.rank - 1)
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.pad(x, paddings))
