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
from unittest import mock

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from zoo.applications import ImageClassifier

from zoo.datasets import fashion_mnist
from zoo.kernels import batch_norm_tensorflow as statistics
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

    return lambda dtype="float32": tagger(), *many(WORDS, LABELS)


def text_generator():
    """Its loss is its own, in chunks."""
    from test_text_generator import TEXTS, make

    return lambda dtype="float32": make(), *many(TEXTS, None)


def text_classifier():
    from test_text_classifier import single
    from text_cases import LABELS, TEXTS

    return lambda dtype="float32": single(), *many(TEXTS, LABELS)


def text_encoder():
    """Its loss compares the examples of the whole batch with each other."""
    from test_text_encoder import PAIRS, contrastive

    return lambda dtype="float32": contrastive(), *many(PAIRS, None)


def masked_lm():
    from test_masked_lm import X, masked_lm

    return lambda dtype="float32": masked_lm(), *many(X, None)


def question_answerer():
    from test_question_answerer import X, Y, answerer

    return lambda dtype="float32": answerer(), *many(X, Y)


def bert_pretraining():
    """Drawn sentence pairs and masks; two losses, each with a count of its own."""
    from test_bert_pretraining import DOCUMENTS, pretraining

    return lambda dtype="float32": pretraining(), *many(DOCUMENTS, None)


def speech_recognizer():
    """Batch norm over the valid frames, CTC, utterances of other lengths in each shard."""
    from test_speech_recognizer import make, recordings

    return lambda dtype="float32": make(), *recordings(170)


def many(x, y):
    """At least 170 examples."""
    times = 170 // len(x) + 1
    return list(x) * times, y and list(y) * times


APPLICATIONS = {
    "image_classifier": lambda: image_classifier("mlp"),
    "image_classifier_batch_norm": lambda: image_classifier("resnet"),
    "token_classifier": token_classifier,
    "text_generator": text_generator,
    "text_classifier": text_classifier,
    "text_encoder": text_encoder,
    "masked_lm": masked_lm,
    "bert_pretraining": bert_pretraining,
    "question_answerer": question_answerer,
    "speech_recognizer": speech_recognizer,
}

# Arguments of `compile`, and of `train` where it takes them. At these learning rates five steps move weights
# by 1e-3 to 1e-2: larger ones blow up the last digit of any two summation orders.
CASES = {
    "adamw": {"optimizer": "adamw", "learning_rate": 1e-3},
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
    "sgd_odd_batches_evaluate_predict": {"optimizer": "sgd", "batch_size": 37, "answers": True},
    "sgd_odd_batches": {"optimizer": "sgd", "batch_size": 37},
    "odd_last_batch_of_one": {
        "rows": 4 * BATCH + 1,
        "plain_dataset": True,
        "never_empty": True,
        "answers": True,
    },
    "four_steps_per_execution": {"rows": 6 * BATCH, "steps_per_execution": 4},
    "xla": {"jit_compile": True},
    "bool_and_string_inputs": {"extra_inputs": True},
    "sample_weights": {"weights": True},
    "fused_batch_norm": {"fused": True},
}
ALSO = {  # of the applications after the first
    "image_classifier_batch_norm": ("sgd_odd_batches_evaluate_predict", "fused_batch_norm"),
    "bert_pretraining": ("sgd_odd_batches",),  # it predicts pairs, and is given documents here
}
# Run without oneDNN, whose products add up in another order for another number of rows: with it the
# contrastive loss of one example (similarities of up to 20) is 3.8e-6 off, log-probabilities of sound 1.3e-6.
PLAIN_KERNELS = ("text_encoder", "speech_recognizer")


def cases_of(name):
    """The cases of an application."""
    if name == next(iter(APPLICATIONS)):
        return tuple(case for case in CASES if case not in ("sgd_odd_batches", "fused_batch_norm"))
    return ALSO.get(name, ("sgd_odd_batches_evaluate_predict",))


@contextlib.contextmanager
def one_device(fused=False):
    """No strategy, and the batch statistics of several devices unless `fused`.

    One device takes TensorFlow's fused operation, which adds up all rows one by one in float32; that alone
    is 1e-5 from float64. Several devices add up each example first.
    """
    exact = contextlib.ExitStack()
    if not fused:
        exact.enter_context(
            mock.patch.object(statistics, "batch_norm_tensorflow", statistics.batch_norm_by_moments)
        )
        exact.enter_context(
            mock.patch("zoo.layers.normalization.shared_moments", statistics.moments_over_replicas)
        )
    with exact:
        yield


class WithExtraInputs(ImageClassifier):
    """Takes {"images", "keep" (bool), "name" (string)}: what Keras' own build step cannot average."""

    def call(self, inputs, training=None):
        images = inputs["images"] * tf.cast(inputs["keep"], "float32")[:, None, None, None]
        return super().call(
            images + 0.0 * tf.cast(tf.strings.length(inputs["name"]), "float32")[:, None, None, None]
        )


class NeverEmpty(ImageClassifier):
    """Ends with an error where a replica's share of a batch is empty, as convolutions of oneDNN do."""

    def call(self, inputs, training=None):
        with tf.control_dependencies([tf.debugging.assert_positive(tf.shape(inputs)[0])]):
            return super().call(tf.identity(inputs), training=training)


def train(
    example,
    strategy=None,
    rows=5 * BATCH,
    batch_size=BATCH,
    dtype="float32",
    nan=False,
    weights=False,
    plain_dataset=False,
    extra_inputs=False,
    never_empty=False,
    make_optimizer=None,
    answers=False,
    **compile_arguments,
):
    """Weights after an epoch, its loss and metrics, then with `answers` an evaluation and predictions."""
    keras.utils.set_random_seed(0)
    make, x, y = example
    x, y = x[:rows], None if y is None else y[:rows]
    with strategy.scope() if strategy else contextlib.nullcontext():
        app = make() if dtype == "float32" else make(dtype)
        if extra_inputs or never_empty:
            app.__class__ = WithExtraInputs if extra_inputs else NeverEmpty
        if make_optimizer:
            compile_arguments["optimizer"] = make_optimizer()
    app.compile(**{"augment": {}, "learning_rate": 0.01, "warmup": 0.0, **compile_arguments})
    sample_weight = np.linspace(0.1, 1.9, rows, dtype="float32") if weights or nan else None
    if nan:
        sample_weight[BATCH + 3] = np.nan
    options = {"batch_size": batch_size, "epochs": 1, "verbose": 0, "shuffle": False}
    if plain_dataset or extra_inputs or nan:  # `fit` itself refuses weights that are no numbers
        data = app.inference_data(x, y, sample_weight, batch_size=batch_size)
        if extra_inputs:
            data = data.map(with_extra_inputs)
        history = keras.Model.fit(app, data, epochs=1, verbose=0, shuffle=False)
    else:
        history = app.fit(x, y, sample_weight=sample_weight, **options)
    values = app.get_weights() + ([] if nan else [np.float32(v) for v in history.history.values()])
    if answers:
        for count in (77, 1):
            some = x[:count], None if y is None else y[:count]
            values += [np.float32(app.evaluate(*some, batch_size=BATCH, verbose=0))]
            values += [np.asarray(answer) for answer in app.predict(some[0])]
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


def difference(a, b):
    """The largest one, relative where the values are above 1: a loss of 3.5 has steps of 2.4e-7."""
    return float((np.abs(a - b) / np.maximum(1, np.abs(a))).max())


def add_test_folders():
    """What pytest finds by itself: the examples are those of the applications' tests."""
    sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / room) for room in ("", "applications")]


def main(devices, path, *chosen):
    add_test_folders()
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)])
    expected = dict(np.load(path)) if os.path.exists(path) else {}
    print(json.dumps({"masks_differ": masks_differ(strategy)}), flush=True)
    for name, example in APPLICATIONS.items():
        named = [case for case in CASES if f"{name}-{case}" in chosen]
        cases = named if chosen else cases_of(name)
        if not cases:
            continue
        try:
            example = example()
        except BaseException as reason:
            if type(reason).__name__ != "Skipped":  # pytest's, for a package that is missing
                raise
            print(json.dumps({f"{name}-{case}": "skipped" for case in cases}), flush=True)
            continue
        for case in cases:
            key = f"{name}-{case}"
            try:
                arguments = dict(CASES[case])
                fused = arguments.pop("fused", False)
                if f"{key}-0" not in expected:
                    with one_device(fused):
                        single = train(example, **arguments)
                    expected |= {f"{key}-{i}": v for i, v in enumerate(single)}
                several = train(example, strategy, **arguments)
                pairs = [(expected[f"{key}-{i}"], v) for i, v in enumerate(several)]
                print(json.dumps({key: max(difference(a, b) for a, b in pairs)}), flush=True)
            except Exception as error:
                print(json.dumps({key: f"{type(error).__name__}: {str(error)[:2000]}"}), flush=True)
    np.savez(path, **expected)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
