"""What Keras leaves wrong between replicas under `tf.distribute`, put right.

These functions lean on private hooks of Keras' optimizers and trainer; tests/training hold them for the Keras
versions that the project supports.
"""

import contextlib
import functools

import keras
import tensorflow as tf
from keras.src.backend import get_keras_mask, set_keras_mask

from zoo.training.loss_count import batch_size

STREAM = 2_147_483_629  # a prime: far more than the seeds that the layers of one model may differ by


def replicas():
    """Devices that share a batch: 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def sum_over_replicas(values):
    """`values` (one tensor or a list) summed over the replicas, in a replica context."""
    if replicas() == 1:
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def answer_rows(answer, x):
    """`answer(x)`, with a row of zeros where a replica's share of a small batch is empty.

    TensorFlow's convolutions and pooling fail on an empty batch on CPUs that take its oneDNN kernels. The
    answer has the rows of x, and its Keras mask.
    """
    rows = tf.convert_to_tensor(batch_size(x))
    missing = tf.cast(rows == 0, "int32")

    def at_least_one(values):
        row = tf.zeros([missing, *tf.unstack(tf.shape(values))[1:]], values.dtype)
        return tf.concat([values, row], 0)

    def cut(values):
        mask = get_keras_mask(values)
        values = values[:rows]
        if mask is not None:
            set_keras_mask(values, mask[:rows])
        return values

    x = tf.nest.map_structure(lambda values: None if values is None else at_least_one(values), x)
    return tf.nest.map_structure(cut, answer(x))


@contextlib.contextmanager
def outputs_weigh(compile_loss, share):
    """While the losses of several outputs are taken: the mean of each weighs by `share`, float scalar.

    It is this part's share of the examples of the whole batch. Keras has each replica weigh alike. Replicas
    are traced in turns, which change where they talk to each other: nothing in this block may.
    """
    trackers = list(getattr(compile_loss, "metrics", None) or ())
    for tracker in trackers:  # past Keras' own bookkeeping of attributes
        update = functools.partial(type(tracker).update_state, tracker)
        tracker.__dict__["update_state"] = lambda value, sample_weight, update=update: update(value, share)
    try:
        yield
    finally:
        for tracker in trackers:
            del tracker.__dict__["update_state"]


@contextlib.contextmanager
def gradients_are_reduced(optimizer):
    """While a step is traced: the optimizer takes gradients that are summed over the replicas already.

    So it clips the gradient of the whole batch and checks that for overflow, where Keras does both on each
    replica's own share. The EMA does not overwrite the weights by a condition inside the replicas, which
    TensorFlow refuses; `overwrite_by_average` does it after the update.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    frequency = getattr(inner, "ema_overwrite_frequency", None)
    inner._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables
    inner.ema_overwrite_frequency = None
    try:
        yield frequency
    finally:
        del inner._all_reduce_sum_gradients
        inner.ema_overwrite_frequency = frequency


def overwrite_by_average(optimizer, frequency):
    """Every `frequency` updates the weights become their moving average; in a replica, after the update."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    updates = tf.cast(inner.iterations.value, "int64")
    now = tf.logical_and(updates > 0, updates % frequency == 0)
    for variable, average in zip(
        inner._trainable_variables, inner._model_variables_moving_average, strict=True
    ):
        if average is not None:  # of a variable that its gradient replaces (float8)
            variable.assign(tf.where(now, average.value, variable.value))


def separate_random_streams(strategy, states):
    """Gives each replica its own stream of random numbers: dropout masks differ between devices.

    Replica i draws from seed + i * STREAM, at the same count. Replica 0 keeps its own, which is the one that
    files and checkpoints hold; so this is called anew after each load.

    Args:
        strategy: the `tf.distribute.Strategy`.
        states: the state variables of the seed generators, int [2]: seed and count.
    """
    if not states:
        return

    @tf.function
    def separate():
        def in_replica():
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            for state in states:
                first = tf.where(number == 0, state.value, tf.zeros_like(state.value))
                first = sum_over_replicas(first)
                shift = tf.cast(number, first.dtype) * tf.constant([STREAM, 0], first.dtype)
                state.assign(first + shift)

        strategy.run(in_replica)

    separate()


def first_batch_spec(dataset):
    """Specifications of one replica's batch; to draw a batch would move a shuffled order on."""
    return tf.nest.map_structure(
        lambda spec: spec._value_specs[0] if hasattr(spec, "_value_specs") else spec, dataset.element_spec
    )


def shard_by_batch(data):
    """On several machines each one takes its rows of every batch, not every second file or batch."""
    if not isinstance(data, tf.data.Dataset):
        return data
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return data.with_options(options)


def refuse_keras_distribution():
    """`keras.distribution` does nothing on TensorFlow, without a word: that run would be on one device."""
    if keras.distribution.distribution() is not None:
        raise ValueError(
            "keras.distribution: expected none on the TensorFlow backend, where it has no effect, found "
            f"{type(keras.distribution.distribution()).__name__}; use zoo.training.strategy, or "
            "KERAS_BACKEND=jax"
        )
