"""The train step on JAX, where `keras.distribution` makes one program of all devices."""

import contextlib

import jax
import keras
from jax import numpy as jnp

from zoo.training.loss_count import loss_count, split


class TrainStep:
    """Mixin before `keras.Model`: Keras' step, with micro-batches.

    Attributes:
        accumulate: micro-batches of a step, one after the other. The update equals that of the whole batch
            (batch norm sees a micro-batch).
    """

    accumulate = 1
    skipping = 0

    distributed = False

    def scope(self):
        """The context in which variables of this model's training are made."""
        return contextlib.nullcontext()

    @property
    def updates(self):
        """Updates of the weights so far, an int; 0 before `compile`."""
        return 0 if self.optimizer is None else int(self.optimizer.iterations)

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
