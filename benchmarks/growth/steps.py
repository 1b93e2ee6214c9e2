"""Steps of the curves: each function prepares a contender and returns a function from a point to its step.

Shapes: B batch, P prompt, T time.
"""

import time
from collections.abc import Callable

import numpy as np

from benchmarks import bert_steps
from benchmarks.growth.curves import BATCH, LENGTH, NEW_TOKENS, POSITIONS, STEPS

GPT = {"vocabulary": 50257, "layers": 6, "heads": 6, "width": 384}


def bert(function: str, varies: str, **options) -> Callable[[int], Callable]:
    """The encoder in float32, as in the work items; `varies` is "length" or "batch"."""
    shape = {"size": "minilm", "mode": "inference", "batch": BATCH, "length": LENGTH, "positions": POSITIONS}
    shape |= {"dropout": 0.0, "dtype": "float32", **options}
    return lambda point: getattr(bert_steps, function)(**{**shape, varies: point})


def prompt(length: int) -> np.ndarray:
    """The same tokens for every contender, int32 [1, P]."""
    return np.random.default_rng(0).integers(0, GPT["vocabulary"], (1, length), "int32")


def gpt_zoo() -> Callable[[int], Callable]:
    """Greedy generation of `NEW_TOKENS` after one prompt of `point` tokens; one model for all points."""
    import zoo

    model = zoo.models.Gpt(GPT["vocabulary"], GPT["width"], GPT["layers"], GPT["heads"], max_length=POSITIONS)

    def at(point: int) -> Callable:
        return lambda: zoo.decoding.generate(model, prompt(point), max_new_tokens=NEW_TOKENS)

    return at


def gpt_keras_hub() -> Callable[[int], Callable]:
    import keras_hub

    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=GPT["vocabulary"],
        num_layers=GPT["layers"],
        num_heads=GPT["heads"],
        hidden_dim=GPT["width"],
        intermediate_dim=4 * GPT["width"],
        max_sequence_length=POSITIONS,
    )
    model = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    model.compile(sampler="greedy")

    def at(point: int) -> Callable:
        room = [(0, 0), (0, NEW_TOKENS)]
        mask = np.ones((1, point), "int32")
        inputs = {"token_ids": np.pad(prompt(point), room), "padding_mask": np.pad(mask, room)}
        return lambda: model.generate(inputs, stop_token_ids=None)

    return at


def gpt_transformers() -> Callable[[int], Callable]:
    import torch
    import transformers

    config = transformers.GPT2Config(
        vocab_size=GPT["vocabulary"],
        n_positions=POSITIONS,
        n_embd=GPT["width"],
        n_layer=GPT["layers"],
        n_head=GPT["heads"],
        pad_token_id=0,
        eos_token_id=None,
    )
    model = transformers.GPT2LMHeadModel(config).eval()

    def at(point: int) -> Callable:
        tokens = torch.tensor(prompt(point), dtype=torch.int64)
        options = {"max_new_tokens": NEW_TOKENS, "min_new_tokens": NEW_TOKENS, "do_sample": False}

        def step() -> None:
            with torch.inference_mode():
                model.generate(tokens, attention_mask=torch.ones_like(tokens), **options).numpy()

        return step

    return at


def training(kind: str) -> Callable[[int], Callable[[], float]]:
    """Seconds a step of `fit` on `point` logical devices, the median of an epoch; a process has one point."""

    def at(point: int) -> Callable:
        import tensorflow as tf

        from zoo.training import strategy

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * point)
        names = [f"CPU:{i}" for i in range(point)] if point > 1 else None
        chosen = strategy.choose("mirrored" if names else "one", names, quiet=True)
        make = {"zoo_resnet20": _resnet20, "plain_resnet20": _plain_resnet20, "zoo_bert": _bert}[kind]
        with chosen.scope():
            model, data, batch = make()
        return lambda: _seconds_a_step(model, data, batch)

    return at


def _seconds_a_step(model, data: tuple, batch: int) -> float:
    import keras

    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    model.fit(*data, batch_size=batch, epochs=1, callbacks=[clock], verbose=0)
    return float(np.median(np.diff(ends)))


def _images() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    count = 128 * STEPS
    return random.integers(0, 256, (count, 28, 28, 1), "uint8"), random.integers(0, 10, count, "int32")


def _resnet20() -> tuple:
    from zoo.applications import ImageClassifier

    from zoo.models import resnet20
    from zoo.preprocessing import ImagePreprocessor
    from zoo.training.sgd import SGD

    prepare = ImagePreprocessor((28, 28), 1, (0.5,), (0.25,))
    app = ImageClassifier(resnet20(num_classes=10), prepare, [str(i) for i in range(10)])
    app.compile(optimizer=SGD(0.01, momentum=0.9), augment={})
    return app, _images(), 128


def _plain_resnet20() -> tuple:
    import keras

    from benchmarks.plain_resnet import plain_resnet20

    model = plain_resnet20()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss, metrics=["accuracy"], jit_compile=False)
    images, labels = _images()
    return model, (((images / 255 - 0.5) / 0.25).astype("float32"), labels), 128


def _bert() -> tuple:
    from benchmarks.bert_texts import classifier
    from zoo.training import make_optimizer

    app = classifier("minilm")
    app.compile(optimizer=make_optimizer("adamw", 1e-4, weight_decay=0.01))
    texts = ["word77 " * 62] * 16 * STEPS  # of 64 tokens
    return app, (texts, np.arange(len(texts)) % 2), 16
