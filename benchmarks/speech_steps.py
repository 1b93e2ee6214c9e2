"""Steps of the speech family: CTC loss, one recurrent layer, and DeepSpeech in training and inference.

The network is the same for every contender: two convolutions of stride 2 with 32 channels, three
bidirectional layers of 512 units with layer normalization before each, a linear head of 29 classes, CTC, SGD.
Shapes: B batch, T frames, F mel bins.
"""

from collections.abc import Callable

import numpy as np

CLASSES, UNITS, LAYERS, BINS = 29, 512, 3, 80


def ctc_batch(batch: int, steps: int) -> dict:
    """The same ragged batch for every contender."""
    random = np.random.default_rng(0)
    labels = steps // 4
    return {
        "labels": random.integers(1, CLASSES, (batch, labels)).astype("int32"),
        "logits": random.standard_normal((batch, steps, CLASSES), "float32"),
        "label_lengths": random.integers(labels // 2, labels + 1, batch).astype("int32"),
        "logit_lengths": random.integers(3 * steps // 4, steps + 1, batch).astype("int32"),
    }


def ctc_tensorflow(kind: str, batch: int, steps: int) -> Callable:
    """Loss and gradient to the logits: "zoo", "keras" (padded lengths) or "tensorflow"."""
    import keras
    import tensorflow as tf

    from zoo.losses import ctc_loss

    data = {key: tf.constant(value) for key, value in ctc_batch(batch, steps).items()}

    def loss(logits):
        if kind == "zoo":
            return ctc_loss(**{**data, "logits": logits})
        if kind == "keras":
            return keras.losses.CTC(reduction=None)(data["labels"], logits)
        arguments = data["labels"], logits, data["label_lengths"], data["logit_lengths"]
        return tf.nn.ctc_loss(*arguments, logits_time_major=False, blank_index=0)

    @tf.function
    def step(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            total = tf.reduce_sum(loss(logits))
        return total, tape.gradient(total, logits)

    return lambda: step(data["logits"])[1].numpy()


def ctc_torch(batch: int, steps: int) -> Callable:
    import torch

    data = {key: torch.tensor(value) for key, value in ctc_batch(batch, steps).items()}
    loss = torch.nn.CTCLoss(reduction="sum", zero_infinity=True)
    lengths = data["logit_lengths"].long(), data["label_lengths"].long()

    def step():
        logits = data["logits"].clone().requires_grad_()
        log_probs = torch.log_softmax(logits, -1).transpose(0, 1)
        loss(log_probs, data["labels"].long(), *lengths).backward()

    return step


def recurrent_keras(kind: str, cell: str, mode: str, batch: int, steps: int) -> Callable:
    """One bidirectional layer of 512 units on 512 features: "zoo" or "keras"."""
    import keras
    import tensorflow as tf

    import zoo.layers

    if kind == "zoo":
        layer = getattr(zoo.layers, cell)(UNITS, bidirectional=True)
    else:
        layer = keras.layers.Bidirectional(getattr(keras.layers, cell)(UNITS, return_sequences=True))
    x = tf.constant(np.random.default_rng(0).standard_normal((batch, steps, UNITS), "float32"))
    layer.build(x.shape)

    @tf.function
    def train(x):
        with tf.GradientTape() as tape:
            y = layer(x, training=True) if kind == "keras" else layer(x)
            loss = tf.reduce_sum(y * y)
        return tape.gradient(loss, [v.value for v in layer.trainable_variables])

    infer = tf.function(lambda x: layer(x))
    return (lambda: train(x)[0].numpy()) if mode == "train" else (lambda: infer(x).numpy())


def recurrent_torch(cell: str, mode: str, batch: int, steps: int) -> Callable:
    import torch

    layer = getattr(torch.nn, cell)(UNITS, UNITS, bidirectional=True, batch_first=True)
    x = torch.tensor(np.random.default_rng(0).standard_normal((batch, steps, UNITS), "float32"))

    def train():
        layer.zero_grad()
        y, _ = layer(x)
        (y * y).sum().backward()

    def infer():
        with torch.no_grad():
            layer(x)

    return train if mode == "train" else infer


def speech_batch(batch: int, frames: int) -> dict:
    random = np.random.default_rng(0)
    data = ctc_batch(batch, frames // 4)
    features = random.standard_normal((batch, frames, BINS), "float32")
    return {**data, "features": features, "frames": np.minimum(4 * data["logit_lengths"], frames)}


def network_keras(kind: str, cell: str, mode: str, batch: int, frames: int) -> Callable:
    import keras
    import tensorflow as tf

    from zoo.losses import ctc_loss
    from zoo.models import DeepSpeech

    data = {key: tf.constant(value) for key, value in speech_batch(batch, frames).items()}
    if kind == "zoo":
        model = DeepSpeech(CLASSES, UNITS, LAYERS, cell.lower(), dropout=0.0)
        model.build((None, None, BINS))
    else:
        model = _plain_keras(keras, cell)
    optimizer = keras.optimizers.SGD(1e-3)
    optimizer.build(model.trainable_variables)

    def logits(training):
        if kind == "zoo":
            return model(data["features"], lengths=data["frames"], training=training)
        return model(data["features"], training=training)

    @tf.function
    def train():
        with tf.GradientTape() as tape:
            if kind == "zoo":
                names = ("labels", "label_lengths", "logit_lengths")
                loss = tf.reduce_mean(ctc_loss(logits=logits(True), **{n: data[n] for n in names}))
            else:
                loss = keras.losses.CTC()(data["labels"], logits(True))
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    infer = tf.function(lambda: logits(False))
    return (lambda: float(train())) if mode == "train" else (lambda: infer().numpy())


def _plain_keras(keras, cell):
    layers = keras.layers
    inputs = x = keras.Input((None, BINS))
    x = layers.Reshape((-1, BINS, 1))(x)
    x = layers.Conv2D(32, 5, 2, padding="same", activation="relu")(x)
    x = layers.Conv2D(32, 3, 2, padding="same", activation="relu")(x)
    x = layers.Reshape((-1, BINS // 4 * 32))(x)
    for _ in range(LAYERS):
        x = layers.LayerNormalization(epsilon=1e-5)(x)
        x = layers.Bidirectional(getattr(layers, cell)(UNITS, return_sequences=True))(x)
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


def network_torch(cell: str, mode: str, batch: int, frames: int) -> Callable:
    import torch
    from torch import nn

    data = {key: torch.tensor(value) for key, value in speech_batch(batch, frames).items()}
    front = nn.Sequential(nn.Conv2d(1, 32, 5, 2, 2), nn.ReLU(), nn.Conv2d(32, 32, 3, 2, 1), nn.ReLU())
    dims = [32 * BINS // 4] + [2 * UNITS] * LAYERS
    norms = nn.ModuleList(nn.LayerNorm(dim) for dim in dims)
    stack = nn.ModuleList(
        getattr(nn, cell)(dim, UNITS, bidirectional=True, batch_first=True) for dim in dims[:-1]
    )
    head, loss = nn.Linear(2 * UNITS, CLASSES), nn.CTCLoss(zero_infinity=True)
    parameters = [p for part in (front, norms, stack, head) for p in part.parameters()]
    optimizer = torch.optim.SGD(parameters, 1e-3)
    lengths = data["logit_lengths"].long(), data["label_lengths"].long()

    def logits():
        x = front(data["features"][:, None])  # [B, 32, T / 4, F / 4]
        x = x.permute(0, 2, 1, 3).flatten(2)
        for norm, layer in zip(norms, stack, strict=False):
            x, _ = layer(norm(x))
        return head(norms[-1](x))

    def train():
        optimizer.zero_grad()
        log_probs = torch.log_softmax(logits(), -1).transpose(0, 1)
        loss(log_probs, data["labels"].long(), *lengths).backward()
        optimizer.step()

    def infer():
        with torch.no_grad():
            logits()

    return train if mode == "train" else infer
