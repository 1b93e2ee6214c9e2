"""The train step on JAX, where `keras.distribution` makes one program of all devices."""

import contextlib

import jax
import keras
import numpy as np
from jax import numpy as jnp

from zoo.training.loss_count import loss_count, split
from zoo.training.replicas_jax import iterate, on_devices

SOME_LENGTH = 8  # of an axis that is open: JAX builds with numbers


class TrainStep:
    """Mixin before `keras.Model`: Keras' step, with micro-batches, odd batches and a run that goes on.

    Attributes:
        accumulate: micro-batches of a step, one after the other. The update equals that of the whole batch
            (batch norm sees a micro-batch).
    """

    accumulate = 1
    skipping = 0  # calls of the train function that a resumed epoch leaves out
    _epoch_data = None

    @property
    def distributed(self):
        """Whether several devices share the batches."""
        return keras.distribution.distribution() is not None

    def scope(self):
        """The context in which variables of this model's training are made."""
        return contextlib.nullcontext()

    @property
    def updates(self):
        """Updates of the weights so far, an int; 0 before `compile`."""
        self.jax_state_sync()
        return 0 if self.optimizer is None else int(self.optimizer.iterations)

    def predict(self, x, *args, **arguments):
        """On several devices batch by batch, without callbacks: Keras takes no odd ones there."""
        if not self.distributed:
            return super().predict(x, *args, **arguments)
        outputs = [self.predict_on_batch(batch) for batch in x]
        return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *outputs)

    def predict_on_batch(self, x):
        return super().predict_on_batch(on_devices(keras.utils.unpack_x_y_sample_weight(x)[0]))

    def make_train_function(self, force=False):
        super().make_train_function(force)
        if not self.skipping:
            return
        train = self.train_function

        def after_skipping(state, iterator):
            if self.skipping:
                self.skipping -= 1
                return {}, state
            return train(state, iterator)

        self.train_function = after_skipping

    def _symbolic_build(self, iterator=None, data_batch=None):
        if iterator is not None:
            adapter, epochs, self._epoch_data = iterator.data_adapter, self._epoch_data, None
            if epochs is not None:
                iterator._get_iterator = lambda: iterate(epochs)
            elif self.distributed:
                iterator._get_iterator = lambda: iterate(adapter.get_jax_iterator())
            # Of a tf.data.Dataset: to draw a batch would move a shuffled order on.
            data_batch = getattr(getattr(adapter, "_dataset", None), "element_spec", data_batch)
        if data_batch is not None:
            data_batch = keras.tree.map_structure(_static, data_batch)
        super()._symbolic_build(iterator=iterator, data_batch=data_batch)

    def train_step(self, state, data):
        if self.accumulate == 1:
            return super().train_step(state, data)
        trainable, non_trainable, optimizer, metrics = state
        gradient = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        gradients, loss, count = None, 0.0, 0.0
        parts = split(keras.utils.unpack_x_y_sample_weight(data), self.accumulate)
        for x, y, sample_weight in parts:
            (_, auxiliary), new = gradient(
                trainable,
                non_trainable,
                metrics,
                x,
                y,
                sample_weight,
                training=True,
                optimizer_variables=optimizer,
            )
            part_loss, y_pred, non_trainable, metrics = auxiliary
            part_count = self.loss_count(x, y_pred, sample_weight)
            share = 1.0 if part_count is None else part_count
            scaled = [g * jnp.asarray(share, g.dtype) for g in new]
            gradients = (
                scaled if gradients is None else [a + b for a, b in zip(gradients, scaled, strict=True)]
            )
            loss, count = loss + share * part_loss, None if part_count is None else count + part_count
            logs, metrics = self._update_metrics_variables(metrics, part_loss, x, y, y_pred, sample_weight)
        if count is not None:
            gradients = [jnp.where(count > 0, g / jnp.asarray(count, g.dtype), 0) for g in gradients]
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        return logs, (trainable, non_trainable, optimizer, metrics)

    def loss_count(self, x, y_pred, sample_weight):
        """By what `compute_loss` divides; an application with a loss of its own may override it."""
        return loss_count(self._compile_loss, x, y_pred, sample_weight)


def _static(values):
    """The shape and dtype of a batch to build with, where the length of an axis is open."""
    if values is None:
        return None
    shape = tuple(SOME_LENGTH if size is None else size for size in values.shape)
    return keras.KerasTensor(shape, keras.backend.standardize_dtype(values.dtype))
