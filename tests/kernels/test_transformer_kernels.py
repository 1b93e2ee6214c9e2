import battery
import numpy as np
import pytest
import tensorflow as tf
from battery import assert_close

from zoo.kernels import (
    attention_weights,
    attention_weights_plain,
    dropout,
    gelu,
    gelu_plain,
    layer_norm,
    layer_norm_plain,
)

SEED = np.array([5, 7], "int32")


def values_and_gradients(function, *inputs):
    inputs = [tf.convert_to_tensor(value) for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = function(*inputs)
        upstream = tf.cast(np.random.default_rng(1).normal(size=y.shape), y.dtype)
        loss = tf.reduce_sum(y * upstream)
    return [y, *tape.gradient(loss, inputs)]


def normal(*shape, dtype="float32", scale=1.0, seed=0):
    return tf.cast(np.random.default_rng(seed).normal(size=shape) * scale, dtype)


def assert_equal_with_gradients(fast, plain, *inputs, share=1e-5):
    for actual, expected in zip(
        values_and_gradients(fast, *inputs), values_and_gradients(plain, *inputs), strict=True
    ):
        assert actual.dtype == expected.dtype
        battery.assert_near(actual, expected, share)


@pytest.mark.parametrize(("dtype", "share"), [("float32", 1e-5), ("bfloat16", 0.02)])
@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_equals_plain_with_its_gradient(approximate, dtype, share):
    x = normal(7, 13, dtype=dtype, scale=3)
    assert_equal_with_gradients(
        lambda x: gelu(x, approximate, training=True), lambda x: gelu_plain(x, approximate), x, share=share
    )


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_without_a_gradient_equals_plain(approximate):
    x = np.random.default_rng(0).normal(0, 3, (7, 33)).astype("float32")
    np.testing.assert_allclose(gelu(x, approximate), gelu_plain(x, approximate), atol=1e-6)


def test_gelu_far_out_is_finite_with_its_gradient():
    x = np.array([-1e4, -50, -1e-30, 0, 1e-30, 50, 1e4], "float32")
    for approximate in (False, True):
        for value in values_and_gradients(lambda x, a=approximate: gelu(x, a, training=True), x):
            assert np.isfinite(value).all()


@pytest.mark.parametrize(("dtype", "share"), [("float32", 2e-5), ("bfloat16", 0.02)])
@pytest.mark.parametrize("shape", [(5, 11), (2, 3, 7)], ids=str)
def test_layer_norm_equals_plain_with_its_gradients(shape, dtype, share):
    x, gamma, beta = normal(*shape, dtype=dtype), normal(shape[-1], seed=2), normal(shape[-1], seed=3)
    assert_equal_with_gradients(
        lambda *a: layer_norm(*a, 1e-3, training=True), lambda *a: layer_norm_plain(*a, 1e-3), x, gamma, beta,
        share=share,
    )  # fmt: skip


@pytest.mark.parametrize("epsilon", [1e-12, 1e-5, 1e-3])
@pytest.mark.parametrize(
    "shape", [(3, 5, 7), (0, 5, 7), (2, 0, 7), (1, 2, 768), (4, 33, 384), (3, 1, 8)], ids=str
)
def test_layer_norm_of_inference_equals_plain_in_graphs(shape, epsilon):
    x, gamma, beta = 3 + 50 * normal(*shape), normal(shape[-1], seed=2), normal(shape[-1], seed=3)
    expected = layer_norm_plain(x, gamma, beta, epsilon)
    for compiled in (False, True):
        for known in (shape, (None, None, shape[-1])):
            norm = tf.function(
                lambda x: layer_norm(x, gamma, beta, epsilon),
                [tf.TensorSpec(known)],
                jit_compile=compiled,
                autograph=False,
            )
            if compiled and not np.prod(shape):
                continue
            np.testing.assert_allclose(norm(x), expected, atol=3e-5)


def test_layer_norm_of_inference_has_a_gradient():
    x, gamma, beta = normal(2, 3, 8), normal(8, seed=2), normal(8, seed=3)
    gradients = [
        tf.function(lambda x, f=f: tf.gradients(f(x, gamma, beta, 1e-5) ** 3, x)[0], autograph=False)(x)
        for f in (layer_norm, layer_norm_plain)
    ]
    assert_close(*gradients, atol=1e-4)


@pytest.mark.parametrize(("dtype", "share"), [("float32", 1e-5), ("bfloat16", 0.02)])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_weights_equal_plain_with_their_gradient(masked, dtype, share):
    scores = normal(2, 3, 5, 7, dtype=dtype)
    seen = (np.arange(7) < np.array([4, 7])[:, None])[:, None, None] if masked else None
    assert_equal_with_gradients(
        lambda s: attention_weights(s, seen, training=True),
        lambda s: attention_weights_plain(s, seen),
        scores,
        share=share,
    )


def test_dropout_of_attention_weights_drops_the_gradient_with_them():
    scores = normal(2, 3, 5, 64)
    y, gradient = values_and_gradients(lambda s: attention_weights(s, None, 0.4, SEED, training=True), scores)
    kept = y.numpy() > 0
    assert 0.5 < kept.mean() < 0.7
    weights = tf.nn.softmax(scores)
    assert_close(y, np.where(kept, weights / 0.6, 0))
    _, expected = values_and_gradients(lambda s: tf.nn.softmax(s) * np.where(kept, 1 / 0.6, 0), scores)
    assert_close(gradient, expected)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_its_share_and_its_mask_for_the_gradient(rate):
    x = np.full((300, 401), 2.0, "float32")
    y, gradient = values_and_gradients(lambda x: dropout(x, rate, SEED), x)
    kept = y.numpy() > 0
    spread = np.sqrt(rate * (1 - rate) / x.size)
    assert abs(kept.mean() - (1 - rate)) < 5 * spread
    assert_close(y.numpy()[kept], 2 / (1 - rate))
    assert ((gradient.numpy() != 0) == kept).all()


def test_dropout_masks_are_independent_in_place_and_seed():
    ones = np.ones((512, 384), "float32")

    def kept(*seed):
        return dropout(ones, 0.5, np.array(seed, "int32")).numpy() > 0

    first = kept(5, 7)
    assert (first == kept(5, 7)).all()
    limit = 5 * 0.5 / np.sqrt(first.size)
    for other in (kept(5, 8), kept(6, 7), kept(0, 0), np.roll(first, 1, 0), np.roll(first, 1, 1)):
        assert abs((first == other).mean() - 0.5) < limit
    assert np.abs(first.mean(0) - 0.5).max() < 5.5 * 0.5 / np.sqrt(512)
    assert np.abs(first.mean(1) - 0.5).max() < 5.5 * 0.5 / np.sqrt(384)
    counts = np.bincount(np.packbits(first), minlength=256)  # bytes of eight neighbours
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 255 + 5 * np.sqrt(2 * 255)
