"""Trains each case on one device and on several logical ones; prints the largest differences as JSON.

    python replica_table.py DEVICES EXPECTED.npz [APPLICATION-CASE ...]

Run as a process of its own: logical devices are set before TensorFlow starts, and strategies of one process
share the numbers of their collective operations. The one-device results are kept in EXPECTED.npz.

An application joins by one entry in APPLICATIONS: (make, x, y), real raw examples, at least 161 of them.
"""

import contextlib
import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from zoo.applications import ImageClassifier

from zoo.datasets import fashion_mnist
from zoo.models import MLP, ResNet
from zoo.preprocessing import ImagePreprocessor

BATCH = 32
optimizers = keras.optimizers


def image_classifier(network):
    def make(dtype="float32"):
        model = (
            MLP((16,), 10, dtype=dtype)
            if network == "mlp"
            else ResNet((1, 1), (4, 8), 10, block="basic", stem="small", stem_filters=4, dtype=dtype)
        )
        pixels = ImagePreprocessor(image_size=(28, 28), channels=1, mean=(0.286,), std=(0.353,))
        return ImageClassifier(model, pixels, labels=fashion_mnist("sample").label_names)

    return make, *fashion_mnist("sample")


def token_classifier():
    """Its loss is a mean over tokens: shards of a batch hold different numbers of them."""
    from test_token_classifier import LABELS, WORDS, tagger

    times = 170 // len(WORDS) + 1
    return lambda dtype="float32": tagger(), WORDS * times, LABELS * times


def text_generator():
    """Its loss is its own, in chunks."""
    from test_text_generator import make
    from text_cases import TEXTS

    times = 170 // len(TEXTS) + 1
    return lambda dtype="float32": make(), TEXTS * times, None


APPLICATIONS = {
    "image_classifier": lambda: image_classifier("mlp"),
    "image_classifier_batch_norm": lambda: image_classifier("resnet"),
    "token_classifier": token_classifier,
    "text_generator": text_generator,
}

# Arguments of `compile`, and of `train` where it takes them. At these learning rates five steps move weights
# by 1e-3 to 1e-2: larger ones blow up the last digit of any two summation orders.
CASES = {
    "sgd_evaluate_predict": {"optimizer": "sgd", "answers": True},
    "adamw": {"optimizer": "adamw", "learning_rate": 3e-4},
    "lamb": {"optimizer": "lamb", "learning_rate": 1e-3},
    "muon": {"optimizer": "muon", "learning_rate": 1e-3},
    "clipping": {"clip_norm": 0.01},
    "accumulation": {"accumulate": 3},
    "ema_with_overwrite": {
        "make_optimizer": lambda: optimizers.SGD(
            0.01, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2
        )
    },
    "float16_with_a_nan_in_one_shard": {"dtype": "mixed_float16", "nan": True, "learning_rate": 1e-3},
    "odd_batches": {"optimizer": "sgd", "batch_size": 37},
    "odd_last_batch_of_one": {"rows": 4 * BATCH + 1, "plain_dataset": True},
    "four_steps_per_execution": {"rows": 6 * BATCH, "steps_per_execution": 4},
    "xla": {"jit_compile": True},
    "bool_and_string_inputs": {"extra_inputs": True},
    "sample_weights": {"weights": True},
}
ALSO = ("sgd_evaluate_predict", "odd_batches")  # of the applications after the first


def cases_of(name):
    """The cases of an application. A text generator scores documents one by one, on one device."""
    if name == next(iter(APPLICATIONS)):
        return tuple(CASES)
    return ALSO[1:] if name == "text_generator" else ALSO


class WithExtraInputs(ImageClassifier):
    """Takes {"images", "keep" (bool), "name" (string)}: what Keras' own build step cannot average."""

    def call(self, inputs, training=None):
        images = inputs["images"] * tf.cast(inputs["keep"], "float32")[:, None, None, None]
        return super().call(
            images + 0.0 * tf.cast(tf.strings.length(inputs["name"]), "float32")[:, None, None, None]
        )


def train(
    example,
    scope,
    rows=5 * BATCH,
    batch_size=BATCH,
    dtype="float32",
    nan=False,
    weights=False,
    plain_dataset=False,
    extra_inputs=False,
    make_optimizer=None,
    answers=False,
    **compile_arguments,
):
    """Weights after an epoch, its loss and metrics, then with `answers` an evaluation and predictions."""
    keras.utils.set_random_seed(0)
    make, x, y = example
    x, y = x[:rows], None if y is None else y[:rows]
    with scope:
        app = make() if dtype == "float32" else make(dtype)
        if extra_inputs:
            app.__class__ = WithExtraInputs
        if make_optimizer:
            compile_arguments["optimizer"] = make_optimizer()
    app.compile(**{"augment": {}, "learning_rate": 0.01, "warmup": 0.0, **compile_arguments})
    sample_weight = np.linspace(0.1, 1.9, rows, dtype="float32") if weights or nan else None
    if nan:
        sample_weight[BATCH + 3] = np.nan
    options = {"batch_size": batch_size, "epochs": 1, "verbose": 0, "shuffle": False}
    if plain_dataset or extra_inputs:
        data = app.inference_data(x, y, batch_size=batch_size)
        if extra_inputs:
            data = data.map(with_extra_inputs)
        history = keras.Model.fit(app, data, epochs=1, verbose=0, shuffle=False)
    else:
        history = app.fit(x, y, sample_weight=sample_weight, **options)
    values = [v.numpy() for v in app.weights if v.name != "moving_variance"] + (
        [] if nan else [np.float32(v) for v in history.history.values()]
    )
    if answers:
        values += [
            v.numpy() / 20 for v in app.weights if v.name == "moving_variance"
        ]  # of the fused operation: 1e-5
        values += [np.float32(app.evaluate(x[:77], y[:77], batch_size=BATCH, verbose=0))]
        values += [np.asarray(answer) for answer in app.predict(x[:77])]
        values += [np.asarray(answer) for answer in app.predict(x[:5])]
    return values


def with_extra_inputs(images, y):
    size = tf.shape(images)[0]
    return {"images": images, "keep": tf.range(size) % 3 > 0, "name": tf.fill((size,), "a")}, y


def masks_differ(strategy):
    """Whether each replica drops other values, in each of two steps."""
    with strategy.scope():
        layer = keras.layers.Dropout(0.5, seed=3)
    from zoo.training.replicas_tensorflow import separate_random_streams

    for _ in range(2):  # as two calls of fit
        separate_random_streams(strategy, [layer.seed_generator.state])
    drawn = set()
    for _ in range(2):
        masks = strategy.run(tf.function(lambda: layer(tf.ones((64,)), training=True)))
        drawn |= {mask.numpy().tobytes() for mask in strategy.experimental_local_results(masks)}
    return len(drawn) == 2 * strategy.num_replicas_in_sync


def main(devices, path, *chosen):
    sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / room) for room in ("", "applications")]
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)])
    expected = dict(np.load(path)) if os.path.exists(path) else {}
    print(json.dumps({"masks_differ": masks_differ(strategy)}), flush=True)
    for name, example in APPLICATIONS.items():
        try:
            example = example()
        except BaseException as reason:
            if type(reason).__name__ != "Skipped":  # pytest's, for a package that is missing
                raise
            print(json.dumps({f"{name}-{case}": "skipped" for case in cases_of(name)}), flush=True)
            continue
        for case in cases_of(name):
            key = f"{name}-{case}"
            if chosen and key not in chosen:
                continue
            try:
                if f"{key}-0" not in expected:
                    single = train(example, contextlib.nullcontext(), **CASES[case])
                    expected |= {f"{key}-{i}": v for i, v in enumerate(single)}
                several = train(example, strategy.scope(), **CASES[case])
                pairs = [(expected[f"{key}-{i}"], v) for i, v in enumerate(several)]
                print(json.dumps({key: float(max(np.abs(a - b).max() for a, b in pairs))}), flush=True)
            except Exception as error:
                print(json.dumps({key: f"{type(error).__name__}: {str(error)[:2000]}"}), flush=True)
    np.savez(path, **expected)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
