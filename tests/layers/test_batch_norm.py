import keras
import numpy as np
import pytest
from battery import assert_close, randomize

from zoo.layers import BatchNorm


def twins(shape, **options):
    """Ours and Keras', with the same arguments and weights."""
    options = {"momentum": 0.8, "epsilon": 1e-3, **options}
    pair = BatchNorm(**options), keras.layers.BatchNormalization(**options)
    for layer in pair:
        layer.build((None, *shape[1:]))
        randomize(layer)
    return pair


def batches(shape, count=3):
    rng = np.random.default_rng(5)
    return [rng.normal(0.3, 0.05, size=shape).astype("float32") for _ in range(count)]


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((3, 5, 7, 4), {}),
        ((1, 3, 1, 2), {"epsilon": 1e-5, "momentum": 0.99}),
        ((6, 4), {}),
        ((2, 9, 4), {}),
        ((2, 3, 4, 5, 3), {}),
        ((3, 5, 7, 4), {"axis": 1}),
        ((3, 5, 7, 4), {"center": False}),
        ((3, 5, 7, 4), {"scale": False}),
        ((3, 5, 7, 4), {"synchronized": True}),
    ],
    ids=str,
)
def test_equals_keras_through_three_steps_of_training(shape, options):
    ours, theirs = twins(shape, **options)
    for x in batches(shape):
        assert_close(ours(x, training=True), theirs(x, training=True), atol=3e-5)
    for actual, expected in zip(ours.variables, theirs.variables, strict=True):
        assert actual.name == expected.name
        assert_close(actual, expected, atol=1e-6)
    assert_close(ours(x), theirs(x), atol=3e-5)
    assert_close(ours(x, training=False), theirs(x, training=False), atol=3e-5)


def test_frozen_uses_the_moving_statistics_and_keeps_them():
    ours, theirs = twins((2, 3, 5, 4), trainable=False)
    before = [v.numpy() for v in ours.variables]
    (x,) = batches((2, 3, 5, 4), 1)
    assert_close(ours(x, training=True), theirs(x, training=True))
    assert_close(ours(x, training=True), ours(x, training=False), atol=0)
    for variable, value in zip(ours.variables, before, strict=True):
        assert_close(variable, value, atol=0)


def test_masked_positions_are_left_to_keras():
    ours, theirs = twins((2, 3, 5, 4))
    (x,) = batches((2, 3, 5, 4), 1)
    mask = np.random.default_rng(1).random((2, 3, 5)) < 0.5
    assert_close(ours(x, training=True, mask=mask), theirs(x, training=True, mask=mask))
    assert_close(ours.moving_variance, theirs.moving_variance, atol=1e-6)


def test_float64_stays_float64():
    ours, theirs = twins((2, 3, 5, 4), dtype="float64")
    (x,) = batches((2, 3, 5, 4), 1)
    for training in (True, False):
        y = ours(x, training=training)
        assert keras.backend.standardize_dtype(y.dtype) == "float64"
        np.testing.assert_allclose(y, theirs(x, training=training), atol=1e-12)


def test_scale_and_shift_keep_their_digits_in_mixed_precision():
    layer = BatchNorm(dtype="mixed_bfloat16", gamma_initializer=keras.initializers.Constant(1.0))
    layer.build((None, 1, 1, 1))
    layer.moving_mean.assign([100.1])  # 100.0 in bfloat16
    assert float(layer(np.full((1, 1, 1, 1), 100.0, "float32"))[0, 0, 0, 0]) == pytest.approx(-0.1, rel=0.01)
