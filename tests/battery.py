"""The battery every public layer and model goes through: one check a claim, run on every `Case`.

    @pytest.mark.parametrize("case", CASES, ids=str)
    @pytest.mark.parametrize("check", battery.CHECKS, ids=battery.claim)
    def test_layer(check, case, tmp_path): ...

A check is a function of a case and of an empty folder. Weights are randomized where a check compares
numbers, moving statistics and zero-initialized scales included, so that nothing is equal by being zero.
"""

import dataclasses
import json
import zlib
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Case:
    """One layer or model under test.

    Args:
        name: shown in the test's id.
        make: `make(dtype=None)` gives a fresh, unbuilt instance, the same arguments every time.
        shape: of one example, without the batch.
        other_shapes: of further examples that an instance built on `shape` takes: fully convolutional ones.
        random: training draws random numbers, so two forward passes in training differ.
        output_dtype: "compute" for the compute dtype of the policy, or a fixed one ("float32" logits).
        learning_rate: at which 8 steps of SGD lower a squared error.
        vocabulary: the input is int32 ids in [0, vocabulary), not floats.
        output: key of the output that is compared, where outputs are a dict.
    """

    name: str
    make: Callable[..., keras.Layer]
    shape: tuple[int, ...]
    other_shapes: tuple[tuple[int, ...], ...] = ()
    random: bool = False
    output_dtype: str = "compute"
    learning_rate: float = 0.05
    vocabulary: int | None = None
    output: str | None = None

    def __str__(self):
        return self.name

    def batch(self, size=4, shape=None, seed=0):
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        shape = (size, *(self.shape if shape is None else shape))
        if self.vocabulary is not None:
            return rng.integers(0, self.vocabulary, shape, "int32")
        return rng.normal(size=shape).astype("float32")

    @property
    def dtype(self):
        return "float32" if self.vocabulary is None else "int32"

    def signature(self):
        """Any batch; of any size where there are other shapes; the last axis of floats is fixed."""
        sizes, last = self.shape[:-1], self.shape[-1]
        if self.other_shapes:
            sizes, last = (None,) * len(sizes), last if self.vocabulary is None else None
        return tf.TensorSpec((None, *sizes, last), self.dtype)

    def pick(self, outputs):
        return outputs if self.output is None else outputs[self.output]

    def call(self, layer, x, **options):
        return self.pick(layer(x, **options))

    def built(self, **arguments):
        """A built instance with random weights, the same ones every time."""
        layer = self.make(**arguments)
        layer.build((None, *self.shape))
        randomize(layer)
        return layer


def randomize(layer, seed=0):
    """Random values of a sensible scale in every float variable; variances and scales stay positive."""
    rng = np.random.default_rng(seed)
    for variable in layer.variables:
        if not keras.backend.is_float_dtype(variable.dtype):
            continue  # the state of a seed generator
        if variable.name in ("gamma", "moving_variance"):
            value = rng.uniform(0.5, 1.5, variable.shape)
        elif len(variable.shape) < 2:
            value = rng.normal(0, 0.2, variable.shape)
        else:
            value = rng.normal(0, 1 / np.sqrt(np.prod(variable.shape[:-1])), variable.shape)
        variable.assign(value)


def assert_close(actual, expected, atol=1e-5, rtol=1e-5):
    actual, expected = (keras.ops.convert_to_numpy(keras.ops.cast(v, "float32")) for v in (actual, expected))
    np.testing.assert_allclose(actual, expected, atol=atol, rtol=rtol)


def assert_near(actual, expected, share):
    """The largest difference is below `share` of the largest value: for narrow floats."""
    actual, expected = (keras.ops.convert_to_numpy(keras.ops.cast(v, "float32")) for v in (actual, expected))
    assert np.isfinite(actual).all()
    assert np.abs(actual - expected).max() <= share * np.abs(expected).max()


def config_round_trip(case, folder):
    layer = case.make()
    config = layer.get_config()
    again = type(layer).from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    assert keras.saving.get_registered_name(type(layer)).startswith("zoo>")
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(restored) is type(layer)
    assert restored.get_config() == config


def saved_file_gives_the_same_numbers(case, folder):
    x, layer = case.batch(), case.built()
    model = layer
    if not isinstance(layer, keras.Model):
        model = keras.Sequential([keras.Input(case.shape, dtype=case.dtype), layer])
    expected = case.call(model, x)
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    assert [v.shape for v in loaded.variables] == [v.shape for v in model.variables]
    assert_close(case.call(loaded, x), expected, atol=1e-6)


def narrow_floats_stay_close(case, folder):
    """mixed_bfloat16 and mixed_float16 against float32, with the same weights."""
    x, reference = case.batch(), case.built()
    for policy, share in (("mixed_bfloat16", 0.06), ("mixed_float16", 0.01)):
        layer = case.built(dtype=policy)
        assert all(v.dtype == "float32" for v in layer.trainable_variables)
        y = case.call(layer, x)
        narrow = policy.removeprefix("mixed_")
        assert keras.backend.standardize_dtype(y.dtype) == case.output_dtype.replace("compute", narrow)
        assert_near(y, case.call(reference, x), share)
        with tf.GradientTape() as tape:
            loss = keras.ops.mean(
                keras.ops.square(keras.ops.cast(case.call(layer, x, **training(layer)), "float32"))
            )
        for gradient in tape.gradient(loss, [v.value for v in layer.trainable_variables]):
            assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def one_graph_takes_any_batch_and_size(case, folder):
    layer = case.built()
    graph = tf.function(
        lambda x: case.call(layer, x, **training(layer, False)),
        input_signature=[case.signature()],
    )
    for shape in (case.shape, *case.other_shapes):
        for size in (1, 3):
            x = case.batch(size, shape)
            assert_close(graph(x), case.call(layer, x))


def xla_equals_plain(case, folder):
    """In training with the updates of the moving statistics; in inference where training is random."""
    x, plain, compiled = case.batch(), case.built(), case.built()
    options = training(plain, not case.random)
    graph = tf.function(lambda x: case.call(compiled, x, **options), jit_compile=True)
    assert_close(graph(tf.constant(x)), case.call(plain, x, **options), atol=2e-5)
    for actual, expected in zip(compiled.variables, plain.variables, strict=True):
        if keras.backend.is_float_dtype(expected.dtype):  # the state of a seed generator is not
            assert_close(actual, expected)


def every_trainable_variable_gets_a_gradient(case, folder):
    x, layer = case.batch(), case.built()
    variables = layer.trainable_variables
    with tf.GradientTape() as tape:
        x = tf.convert_to_tensor(x)
        if case.vocabulary is None:
            tape.watch(x)
        y = case.call(layer, x, **training(layer))
        loss = keras.ops.sum(y * np.random.default_rng(1).normal(size=y.shape).astype("float32"))
    *gradients, to_input = tape.gradient(loss, [*(v.value for v in variables), x])
    missing = [
        v.path
        for v, g in zip(variables, gradients, strict=True)
        if g is None or not np.abs(tf.convert_to_tensor(g)).max() > 0
    ]
    assert missing == []
    if case.vocabulary is None:
        assert np.abs(to_input).max() > 0


def explicit_build_equals_build_by_call(case, folder):
    """All variables exist after `build`, so weights load before the first call."""
    x = case.batch()
    called, built = case.make(), case.make()
    case.call(called, x)
    built.build((None, *case.shape))
    assert built.built
    assert [(v.name, v.shape, v.dtype) for v in built.variables] == [
        (v.name, v.shape, v.dtype) for v in called.variables
    ]
    randomize(called)
    built.set_weights(called.get_weights())
    assert_close(case.call(built, x), case.call(called, x), atol=1e-6)
    assert len(built.variables) == len(called.variables)
    assert case.pick(built.compute_output_shape((None, *case.shape)))[1:] == tuple(
        case.call(called, x).shape[1:]
    )


def loss_goes_down(case, folder):
    """Eight steps of SGD from the layer's own initialization towards a random target."""
    x, layer = case.batch(8), case.make()
    target = np.random.default_rng(2).normal(size=case.call(layer, x).shape).astype("float32")
    if not layer.trainable_variables:
        pytest.skip("nothing to train")
    optimizer, losses = keras.optimizers.SGD(case.learning_rate), []
    for _ in range(8):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean(keras.ops.square(case.call(layer, x, **training(layer)) - target))
        gradients = tape.gradient(loss, [v.value for v in layer.trainable_variables])
        optimizer.apply(gradients, layer.trainable_variables)
        losses.append(float(loss))
    assert np.isfinite(losses).all()
    assert min(losses[-2:]) < losses[0] - 1e-4


def training(layer, value=True):
    """`training=` for the layers whose call takes it."""
    return {"training": value} if layer._call_has_training_arg else {}


CHECKS = (
    config_round_trip,
    saved_file_gives_the_same_numbers,
    narrow_floats_stay_close,
    one_graph_takes_any_batch_and_size,
    xla_equals_plain,
    every_trainable_variable_gets_a_gradient,
    explicit_build_equals_build_by_call,
    loss_goes_down,
)


def claim(check):
    return check.__name__
