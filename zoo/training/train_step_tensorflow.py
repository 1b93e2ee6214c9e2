"""The train step on TensorFlow, on one device and under `tf.distribute`; see `zoo.training.train_step`."""

import contextlib

import keras
import tensorflow as tf
from keras.src.backend import get_keras_mask, set_keras_mask
from keras.src.losses.loss import unscale_loss_for_distribution

from zoo.training.loss_count import batch_size, loss_count, split
from zoo.training.replicas_tensorflow import (
    answer_rows,
    first_batch_spec,
    gradients_are_reduced,
    outputs_weigh,
    overwrite_by_average,
    refuse_keras_distribution,
    replicas,
    separate_random_streams,
    shard_by_batch,
    sum_over_replicas,
)


class TrainStep:
    """Mixin before `keras.Model`: `fit` on several devices equals `fit` on one.

    Attributes:
        accumulate: micro-batches of a step, one after the other: their activations are never in memory
            together. The update equals that of the whole batch (batch norm sees a micro-batch).
        gradient_norm: a `tf.Variable` that each step sets to the norm of the gradient before clipping; None:
            it is not taken.
        lengths_seen: a `tf.Variable` to which each step adds the `lengths` of its batch, or None.
    """

    accumulate = 1
    gradient_norm = None
    lengths_seen = None
    skipping = 0  # calls of the train function that a resumed epoch leaves out
    _epoch_data = None
    _overwrite_every = None
    _inner_xla = False

    @property
    def distributed(self):
        """Whether the model was made under a strategy."""
        return self._distribute_strategy is not None

    @property
    def on_several_machines(self):
        """Whether other processes hold a share of the batch and of the metrics."""
        return isinstance(self._distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy)

    def scope(self):
        """The context in which variables of this model's training are made."""
        return self._distribute_strategy.scope() if self.distributed else contextlib.nullcontext()

    @property
    def updates(self):
        """Updates of the weights so far, an int; 0 before `compile`."""
        return 0 if self.optimizer is None else int(tf.convert_to_tensor(self.optimizer.iterations))

    def fit(self, x=None, *args, validation_data=None, **arguments):
        refuse_keras_distribution()
        if self.distributed:
            self._check_optimizer()
            x, validation_data = shard_by_batch(x), shard_by_batch(validation_data)
            states = [v for v in self.variables if v.name == "seed_generator_state"]
            separate_random_streams(self.distribute_strategy, states)
        elif self.built and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)  # within the step it has it traced twice
        return super().fit(x, *args, validation_data=validation_data, **arguments)

    def _share(self, data):
        """The data set as the devices share it."""
        return self.distribute_strategy.experimental_distribute_dataset(shard_by_batch(data))

    def evaluate(self, x=None, *args, **arguments):
        if self.distributed:
            x = shard_by_batch(x)
        return super().evaluate(x, *args, **arguments)

    def predict_on_batch(self, x):
        if not self.distributed:
            return super().predict_on_batch(x)
        outputs = self(x, training=False)  # Keras has each replica answer the whole batch, and joins that
        return tf.nest.map_structure(lambda output: output.numpy(), outputs)

    def _check_optimizer(self):
        inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        if getattr(inner, "gradient_accumulation_steps", None):
            raise ValueError(
                "optimizer: expected one without gradient_accumulation_steps, which Keras cannot run on "
                f"several devices, found {inner.gradient_accumulation_steps}; use accumulate=... of compile"
            )

    def train_step(self, data):
        inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        clips = getattr(inner, "global_clipnorm", None) or getattr(inner, "clipnorm", None)
        plain = self.accumulate == 1 and self.gradient_norm is None and not clips
        if replicas() == 1 and plain and not self._inner_xla:
            return super().train_step(data)
        return self._whole_step(*keras.utils.unpack_x_y_sample_weight(data))

    def _whole_step(self, x, y, sample_weight):
        """Micro-batches, all-reduce, loss and metrics, update: in a replica context."""
        examples = tf.cast(batch_size(x), "float32")
        total = sum_over_replicas(examples)
        gradients, count, loss = None, 0.0, 0.0
        for part in split((x, y, sample_weight), self.accumulate):
            with tf.control_dependencies([g for g in gradients or () if g is not None]):
                new, part_count, part_loss, y_pred = self._forward_and_backward(part, total)
            gradients = new if gradients is None else list(map(_add, gradients, new))
            count = None if part_count is None else count + tf.cast(part_count, "float32")
            loss += part_loss
            logs = self.compute_metrics(part[0], part[1], y_pred, sample_weight=part[2])
        present = [i for i, g in enumerate(gradients) if g is not None]
        reduced = sum_over_replicas([gradients[i] for i in present])
        if self._scales_afterwards and count is not None:
            share = tf.math.divide_no_nan(total, sum_over_replicas(count))
            loss, reduced = loss * share, [g * tf.cast(share, g.dtype) for g in reduced]
        for i, gradient in zip(present, reduced, strict=True):
            gradients[i] = gradient
        if self.lengths_seen is not None:
            lengths = tf.reduce_sum(tf.cast(self.lengths(x), "float32"))
            self.lengths_seen.assign_add(sum_over_replicas(lengths))
        self._track(loss, examples, total)
        self._update(gradients, reduced)
        return {**logs, **self.get_metrics_result()}  # the loss of this step, too

    @property
    def _scales_afterwards(self):
        """Whether the loss's own total count is known only once gradients are there."""
        return self.accumulate > 1 or self._inner_xla

    def _forward_and_backward(self, part, total):
        """(gradients, count, contribution to the mean loss, outputs) of one micro-batch on one replica.

        The gradient is that of c / N times the mean loss: scaled before it is taken, since layers that talk
        to the other replicas (batch norm) mix the gradients of all of them. Where N is not known yet, the
        count of examples, `total`, stands in for it.
        """

        def run(part, total):
            x, y, sample_weight = part
            part_of_total = tf.math.divide_no_nan(tf.cast(batch_size(x), "float32"), total)
            with tf.GradientTape() as tape:
                y_pred = self._forward(x, training=True)
                with outputs_weigh(self._compile_loss, part_of_total):
                    loss = self._compute_loss(x, y, y_pred, sample_weight, training=True)
                count = self.loss_count(x, y_pred, sample_weight)
                if count is not None:
                    whole = total if self._scales_afterwards else sum_over_replicas(count)
                    share = tf.math.divide_no_nan(tf.cast(count, "float32"), whole)
                    loss = self._mean(loss) * tf.cast(share, loss.dtype)
                scaled = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.trainable_variables)
            dense = [None if g is None else tf.convert_to_tensor(g) for g in gradients]
            return dense, count, tf.cast(loss, "float32"), y_pred, get_keras_mask(y_pred)

        if self._inner_xla:
            run = tf.function(run, jit_compile=True, autograph=False)
        gradients, count, loss, y_pred, mask = run(part, total)
        if mask is not None:  # a function's outputs come back without it
            set_keras_mask(y_pred, mask)
        return gradients, count, loss, y_pred

    def _forward(self, x, training):
        arguments = {"training": training} if self._call_has_training_arg else {}
        if replicas() == 1 or (training and _batch_norms(self)):  # a row of zeros would enter the statistics
            return self(x, **arguments)
        return answer_rows(lambda x: self(x, **arguments), x)

    def predict_step(self, data):
        if replicas() == 1:
            return super().predict_step(data)
        return self._forward(keras.utils.unpack_x_y_sample_weight(data)[0], training=False)

    def loss_count(self, x, y_pred, sample_weight):
        """By what `compute_loss` divides: float scalar, None where it is a sum.

        A model that overrides `compute_loss` by a mean of its own, not by Keras' losses, overrides this, too.
        """
        return loss_count(self._compile_loss, x, y_pred, sample_weight)

    def _mean(self, loss):
        """The mean over this replica's share; Keras' losses divide theirs by the number of replicas."""
        own = type(self).loss_count is not TrainStep.loss_count
        return loss if own else unscale_loss_for_distribution(loss)

    def test_step(self, data):
        if replicas() == 1:
            return super().test_step(data)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        examples = tf.cast(batch_size(x), "float32")
        total = sum_over_replicas(examples)
        y_pred = self._forward(x, training=False)
        with outputs_weigh(self._compile_loss, tf.math.divide_no_nan(examples, total)):
            loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        count = self.loss_count(x, y_pred, sample_weight)
        if count is not None:
            count = tf.cast(count, "float32")
            loss = self._mean(loss) * tf.math.divide_no_nan(count, sum_over_replicas(count))
        self._track(tf.cast(loss, "float32"), examples, total)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _track(self, loss, examples, total):
        """Adds a replica's part of the mean loss; a step weighs by its examples, as on one device."""
        self._loss_tracker.update_state(tf.math.divide_no_nan(loss * total, examples), sample_weight=examples)

    def _update(self, gradients, present):
        if self.gradient_norm is not None:
            scale = getattr(self.optimizer, "dynamic_scale", 1.0)
            self.gradient_norm.assign(tf.linalg.global_norm(present) / scale)
        self.optimizer.apply(gradients, self.trainable_variables)
        if self._overwrite_every:
            overwrite_by_average(self.optimizer, self._overwrite_every)

    def make_train_function(self, force=False):
        super().make_train_function(force)
        if not self.skipping:
            return
        train = self.train_function

        def after_skipping(iterator):
            if self.skipping:
                self.skipping -= 1
                return self.get_metrics_result()
            return train(iterator)

        self.train_function = after_skipping

    def _make_function(self, step_function):
        if not self.distributed:
            return super()._make_function(step_function)
        return self._make_distributed_function(step_function)

    def _make_distributed_function(self, step_function):
        """Keras' function over an iterator, for replicas: logs over all of them, several steps a call."""
        strategy, steps = self.distribute_strategy, self.steps_per_execution

        def run(data):
            with gradients_are_reduced(self.optimizer) as self._overwrite_every:
                self._inner_xla = self._xla_in_replicas()
                strategy.run(step_function, args=(data,))
                self._inner_xla = False

        @tf.autograph.experimental.do_not_convert
        def execute(iterator):
            run(iterator.get_next())
            for _ in range(steps - 1):
                batch = iterator.get_next_as_optional()
                tf.cond(batch.has_value(), lambda b=batch: run(b.get_value()), lambda: None)
            return self.get_metrics_result()

        @tf.autograph.experimental.do_not_convert
        def execute_batch(data):
            run(data)
            return self.get_metrics_result()

        if not self.run_eagerly:
            execute = tf.function(execute, reduce_retracing=True)
            execute_batch = tf.function(execute_batch, reduce_retracing=True)

        def function(iterator):
            if isinstance(iterator, (tf.data.Iterator, tf.distribute.DistributedIterator)):
                return execute(iterator)
            return [execute_batch(data) for _, data in zip(range(steps), iterator, strict=False)][-1]

        return function

    def _xla_in_replicas(self):
        """XLA compiles forward and backward in each replica; what asks the other replicas does not fit in."""
        if not self.jit_compile:
            return False
        losses = getattr(self._compile_loss, "_flat_losses", None) or ()
        shared = [entry.loss.name for entry in losses if getattr(entry.loss, "over_replicas", False)]
        shared = _batch_norms(self) + shared
        if shared and replicas() > 1:
            print(f"jit_compile: off, since {shared[0]} looks at the whole batch of {replicas()} devices")
        return replicas() == 1 or not shared

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        if self._epoch_data is not None and iterator is not None:
            self._epoch_data.take_over(iterator, self._share)
            self._epoch_data = None
        if self.distributed and iterator is not None:
            data_batch = first_batch_spec(iterator.data_adapter.get_tf_dataset())
            with self.distribute_strategy.scope():
                self._symbolic_build(data_batch=data_batch)
        else:
            super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)


def _batch_norms(model):
    """Names of the layers that take statistics over the batch."""
    return [v.name for v in model._flatten_layers() if isinstance(v, keras.layers.BatchNormalization)]


def _add(a, b):
    """a + b, where None stands for no gradient."""
    return b if a is None else a if b is None else a + b
