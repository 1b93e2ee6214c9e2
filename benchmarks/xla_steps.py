"""A few steps of `fit` in a replica of `tf.distribute`, forward and backward plain or compiled by XLA."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

import zoo.models
from zoo.losses import CTC
from zoo.training.train_step import TrainStep

STEPS = 2
CLASSES = 29


class Wrapped(TrainStep, keras.Model):
    """A network inside a model, as an application holds it; `run` gives its outputs for the loss."""

    def __init__(self, network: keras.Model, run: Callable):
        super().__init__()
        self.network = network
        self.run = run
        self.built = True

    def call(self, x, training=None):
        return self.run(self.network, x, training)


def fit(kind: str, batch: int, length: int, xla: bool) -> Callable:
    """STEPS steps of SGD under a strategy of one device.

    Args:
        kind: a key of `MAKE`.
        batch: examples in a step.
        length: tokens or frames of an example; pixels of a side.
        xla: whether XLA compiles forward and backward inside of the replica.
    """
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        network, run, x, y, loss = MAKE[kind](np.random.default_rng(0), batch, length)
        model = Wrapped(network, run)
        model.compile(keras.optimizers.SGD(1e-3), loss, jit_compile=xla)
    data = tf.data.Dataset.from_tensors((x, y)).repeat(STEPS)

    def steps() -> None:
        model.fit(data, epochs=1, verbose=0, shuffle=False)

    return steps


def _images(builder):
    def make(random, batch, length):
        network = getattr(zoo.models, builder)(num_classes=10)
        network.build((None, length, length, 1))
        x = random.standard_normal((batch, length, length, 1), "float32")
        return network, _plain, x, random.integers(0, 10, batch), _cross_entropy()

    return make


def _bert(random, batch, length):
    network = zoo.models.BertClassifier(zoo.models.bert_mini(vocabulary_size=8000), 2)
    network.build(None)
    x = {"token_ids": random.integers(5, 8000, (batch, length)).astype("int32")}
    x["attention_mask"] = np.ones_like(x["token_ids"])
    return network, _plain, x, random.integers(0, 2, batch), _cross_entropy()


def _gpt(random, batch, length):
    network = zoo.models.gpt_mini(vocabulary_size=1000)
    network.build((None, None))
    x = random.integers(0, 1000, (batch, length + 1)).astype("int32")
    return network, _plain, x[:, :-1], x[:, 1:], _cross_entropy()


def _speech(random, batch, length):
    network = zoo.models.deep_speech_small(vocabulary_size=CLASSES)
    network.build((None, None, 80))
    x = random.standard_normal((batch, length, 80), "float32")
    y = CTC.pack_labels(random.integers(1, CLASSES, (batch, length // 16)), np.full(batch, length // 16))

    def run(network, x, training):
        frames = keras.ops.full((keras.ops.shape(x)[0],), length, "int32")
        logits = network(x, lengths=frames, training=training)
        return CTC.pack_logits(logits, network.output_lengths(frames))

    return network, run, x, y, CTC(per_label=True)


def _plain(network, x, training):
    return network(x, training=training)


def _cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


MAKE = {
    "mlp": _images("mlp"),
    "resnet20": _images("resnet20"),
    "bert_mini": _bert,
    "gpt_mini": _gpt,
    "deep_speech_small": _speech,
}
