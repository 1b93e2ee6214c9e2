"""Training steps of the zoo on JAX in mixed_bfloat16: one compiled function of Keras' stateless calls.

Shapes: B batch, T time.
"""

import functools
from collections.abc import Callable

import jax
import keras
import numpy as np

from benchmarks.bert_steps import LEARNING_RATE, SIZES, VOCABULARY, WEIGHT_DECAY, random_batch
from zoo import models

DTYPE = "mixed_bfloat16"


def resnet50(batch: int, size: int, builder: str = "resnet50") -> Callable[[], float]:
    random = np.random.default_rng(0)
    images = random.standard_normal((batch, size, size, 3), "float32")
    labels = random.integers(0, 1000, batch, "int32")
    model = getattr(models, builder)(num_classes=1000, dtype=DTYPE)
    return training(model, keras.optimizers.SGD(0.01, momentum=0.9), images, labels)


def bert(size: str, batch: int, length: int) -> Callable[[], float]:
    encoder = models.Bert(VOCABULARY, **SIZES[size], max_length=512, dropout=0.0, dtype=DTYPE)
    return training(models.BertClassifier(encoder, 2), adamw(), *random_batch(batch, length))


def gpt(batch: int, length: int, width: int, layers: int, vocabulary: int) -> Callable[[], float]:
    model = models.Gpt(vocabulary, width, layers, width // 64, max_length=length, dtype=DTYPE)
    tokens = np.random.default_rng(0).integers(0, vocabulary, (batch, length + 1), "int32")
    return training(model, adamw(), tokens[:, :-1], tokens[:, 1:])


def adamw() -> keras.optimizers.Optimizer:
    return keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)


def training(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, inputs, labels
) -> Callable[[], float]:
    """A step on data that is on the device already; it returns the loss."""
    if keras.backend.backend() != "jax":
        raise RuntimeError(f"KERAS_BACKEND: expected jax, found {keras.backend.backend()}")
    inputs, labels = jax.tree.map(jax.numpy.asarray, (inputs, labels))
    model(inputs)
    optimizer.build(model.trainable_variables)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def objective(weights, others, inputs, labels):
        logits, others = model.stateless_call(weights, others, inputs, training=True)
        return loss(labels, logits), others

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def update(weights, others, slots, inputs, labels):
        gradient = jax.value_and_grad(objective, has_aux=True)
        (value, others), gradients = gradient(weights, others, inputs, labels)
        weights, slots = optimizer.stateless_apply(slots, gradients, weights)
        return value, (weights, others, slots)

    groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    state = tuple([variable.value for variable in group] for group in groups)

    def step() -> float:
        nonlocal state
        value, state = update(*state, inputs, labels)
        return float(value)

    return step
