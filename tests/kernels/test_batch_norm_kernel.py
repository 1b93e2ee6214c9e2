import battery
import numpy as np
import pytest
import tensorflow as tf
from battery import assert_close

from zoo.kernels import batch_norm, batch_norm_inference, batch_norm_plain

SHAPES = [(3, 5, 7, 4), (1, 1, 9, 3), (2, 13, 1, 1), (7, 2, 3, 11)]


def example(shape, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    x = tf.cast(rng.normal(0.7, 0.02, size=shape), dtype)  # a variance near 1e-3: epsilon shows
    gamma, beta = (tf.constant(rng.normal(size=shape[-1]), "float32") for _ in range(2))
    return x, gamma, beta, tf.cast(rng.normal(size=shape), dtype)


def values_and_gradients(function, x, gamma, beta, upstream, epsilon):
    with tf.GradientTape() as tape:
        tape.watch([x, gamma, beta])
        y, mean, variance = function(x, gamma, beta, epsilon)
        loss = tf.reduce_sum(tf.cast(y, "float32") * tf.cast(upstream, "float32"))
    return (y, mean, variance), tape.gradient(loss, [x, gamma, beta])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("epsilon", [1e-5, 1e-3])
def test_fast_path_equals_plain_with_its_gradients(shape, epsilon):
    inputs = example(shape)
    fast, fast_gradients = values_and_gradients(batch_norm, *inputs, epsilon)
    plain, plain_gradients = values_and_gradients(batch_norm_plain, *inputs, epsilon)
    for actual, expected in zip(fast[:2], plain[:2], strict=True):
        assert_close(actual, expected, atol=3e-5)
    assert_close(fast[2], plain[2], atol=0, rtol=1e-4)
    for actual, expected in zip(fast_gradients, plain_gradients, strict=True):
        battery.assert_near(actual, expected, 1e-4)


@pytest.mark.parametrize("shape", SHAPES[:2], ids=str)
def test_fast_path_equals_plain_in_bfloat16(shape):
    inputs = example(shape, "bfloat16")
    fast, fast_gradients = values_and_gradients(batch_norm, *inputs, 1e-3)
    plain, plain_gradients = values_and_gradients(batch_norm_plain, *inputs, 1e-3)
    assert fast[0].dtype == plain[0].dtype == tf.bfloat16
    assert fast[1].dtype == fast[2].dtype == tf.float32
    for actual, expected in zip((*fast, *fast_gradients), (*plain, *plain_gradients), strict=True):
        battery.assert_near(actual, expected, 0.02)


def test_variance_is_the_biased_one_of_numpy():
    x, gamma, beta, _ = example((2, 3, 1, 5))
    _, mean, variance = batch_norm(x, gamma, beta, 1e-5)
    assert_close(mean, x.numpy().mean(axis=(0, 1, 2)), atol=1e-6)
    assert_close(variance, x.numpy().var(axis=(0, 1, 2)), atol=0, rtol=1e-4)


def test_one_value_for_each_channel_has_no_variance():
    x, gamma, beta, _ = example((1, 1, 1, 3))
    y, mean, variance = batch_norm(x, gamma, beta, 1e-5)
    assert_close(y, tf.reshape(beta, (1, 1, 1, 3)), atol=1e-6)
    assert_close(mean, x[0, 0, 0], atol=1e-6)
    assert_close(variance, np.zeros(3))


@pytest.mark.parametrize(("dtype", "share"), [("float32", 1e-5), ("bfloat16", 0.01)])
def test_inference_is_the_formula_with_given_statistics(dtype, share):
    x, gamma, beta, _ = example((3, 5, 2, 7), dtype)
    rng = np.random.default_rng(1)
    mean, variance = rng.normal(size=7).astype("float32"), rng.uniform(1e-3, 2e-3, 7).astype("float32")
    y = batch_norm_inference(x, gamma, beta, mean, variance, 1e-3)
    wide = tf.cast(x, "float32").numpy()
    assert y.dtype == x.dtype
    battery.assert_near(y, gamma * (wide - mean) / np.sqrt(variance + 1e-3) + beta, share)
