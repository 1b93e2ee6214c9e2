"""One epoch of `fit`: Keras' own train step and the zoo's, on one device."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

import zoo.models
from zoo.training.train_step import TrainStep

STEPS = 20


class Wrapped(keras.Model):
    """A network inside a model, as an application holds it."""

    def __init__(self, network: keras.Model):
        super().__init__()
        self.network = network
        self.built = True

    def call(self, x, training=None):
        return self.network(x, training=training)


class WrappedWithTrainStep(TrainStep, Wrapped):
    """The same with the zoo's train step."""


def fit(kind: str, builder: str, batch: int, clip: bool = False) -> Callable:
    """An epoch of STEPS batches. kind: "keras", "zoo", or "zoo norm", which also takes the gradient's norm.

    The data is one batch, repeated, so that only the step is measured. With `clip` the optimizer clips.
    """
    network = getattr(zoo.models, builder)(num_classes=10)
    network.build((None, 28, 28, 1))
    model = (Wrapped if kind == "keras" else WrappedWithTrainStep)(network)
    if kind == "zoo norm":
        model.gradient_norm = tf.Variable(0.0, trainable=False)
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=1.0 if clip else None)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=False)
    random = np.random.default_rng(0)
    images = tf.constant(random.standard_normal((batch, 28, 28, 1), "float32"))
    labels = tf.constant(random.integers(0, 10, batch, "int32"))
    data = tf.data.Dataset.from_tensors((images, labels)).repeat(STEPS)

    def epoch() -> None:
        model.fit(data, epochs=1, verbose=0, shuffle=False)

    return epoch
