import functools

import numpy as np
import pytest
import tensorflow as tf
from battery import assert_close, assert_near

from zoo.kernels import convolution_tensorflow, padded_conv, padded_conv_plain

trained = functools.partial(padded_conv, training=True)


def values_and_gradients(function, x, kernel, stride, pad):
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = function(x, kernel, stride, pad)
        weights = np.random.default_rng(3).normal(size=y.shape)
        loss = tf.reduce_sum(tf.cast(y, "float32") * weights.astype("float32"))
    return y, *tape.gradient(loss, [x, kernel])


def example(size, side, dtype="float32"):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, *size, 3)), rng.normal(size=(side, side, 3, 5))
    return tf.cast(x, dtype), tf.cast(kernel, dtype)


@pytest.mark.parametrize("size", [(8, 12), (9, 7), (8, 5)], ids=str)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [1, 3, 7])
def test_fast_path_equals_plain_with_its_gradients(size, stride, side):
    x, kernel = example(size, side)
    fast = values_and_gradients(trained, x, kernel, stride, side // 2)
    plain = values_and_gradients(padded_conv_plain, x, kernel, stride, side // 2)
    assert fast[0].shape == (2, -(-size[0] // stride), -(-size[1] // stride), 5)
    for actual, expected in zip(fast, plain, strict=True):
        assert_close(actual, expected, atol=1e-4)


@pytest.mark.parametrize("size", [(8, 12), (9, 7), (1, 1), (2, 3)], ids=str)
@pytest.mark.parametrize(("side", "stride"), [(3, 2), (5, 2), (5, 3), (7, 3)])
@pytest.mark.parametrize("unknown", [False, True], ids=["eager", "any_size"])
def test_gradient_of_a_wide_strided_kernel_by_shifts_equals_plain(size, side, stride, unknown, monkeypatch):
    monkeypatch.setattr(convolution_tensorflow, "WIDE", 1)
    x, kernel = example(size, side)

    def convolve(x, kernel):
        return trained(x, kernel, stride, side // 2)

    if unknown:
        specs = tf.TensorSpec((None, None, None, 3)), tf.TensorSpec(kernel.shape)
        convolve = tf.function(convolve, specs)
    fast = values_and_gradients(lambda x, kernel, *_: convolve(x, kernel), x, kernel, stride, side // 2)
    plain = values_and_gradients(padded_conv_plain, x, kernel, stride, side // 2)
    for actual, expected in zip(fast, plain, strict=True):
        assert_close(actual, expected, atol=1e-4)


@pytest.mark.parametrize("large", [0, 1 << 20])
@pytest.mark.parametrize("channels", [(3, 5), (5, 3)], ids=str)
def test_gradients_of_pointwise_convolutions_equal_plain_either_way(channels, large, monkeypatch):
    monkeypatch.setattr(convolution_tensorflow, "LARGE", large)
    rng = np.random.default_rng(0)
    shapes = (2, 5, 4, channels[0]), (1, 1, *channels)
    x, kernel = (tf.cast(rng.normal(size=shape), "float32") for shape in shapes)
    fast = values_and_gradients(trained, x, kernel, 1, 0)
    for actual, expected in zip(fast, values_and_gradients(padded_conv_plain, x, kernel, 1, 0), strict=True):
        assert_close(actual, expected, atol=1e-4)


@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_fast_path_equals_plain_in_bfloat16(stride, side):
    x, kernel = example((8, 7), side, "bfloat16")
    fast = values_and_gradients(trained, x, kernel, stride, side // 2)
    plain = values_and_gradients(padded_conv_plain, x, kernel, stride, side // 2)
    for actual, expected in zip(fast, plain, strict=True):
        assert actual.dtype == tf.bfloat16
        assert_near(actual, expected, 0.02)


def test_padding_is_alike_on_both_sides_of_an_even_image():
    x = tf.reshape(tf.range(16, dtype="float32"), (1, 4, 4, 1))
    y = padded_conv(x, tf.ones((3, 3, 1, 1)), 2, 1)[0, :, :, 0]
    x = x[0, :, :, 0].numpy()
    windows = [[x[:2, :2], x[:2, 1:]], [x[1:, :2], x[1:, 1:]]]  # the zeros are above and to the left
    assert_close(y, [[window.sum() for window in row] for row in windows])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize("wide", [1, 128])
def test_gradients_of_strided_convolutions_keep_to_their_memory(side, dtype, wide, monkeypatch):
    """A row that no window covers had oneDNN write past the end: the next allocations found a broken heap."""
    monkeypatch.setattr(convolution_tensorflow, "WIDE", wide)
    values = tf.function(lambda x, kernel: values_and_gradients(trained, x, kernel, 2, side // 2))
    for batch in (37, 12, 19, 1) * 4:
        for size in (28, 14, 9):
            gradients = values(tf.ones((batch, size, size, 4), dtype), tf.ones((side, side, 4, 8), dtype))
            assert np.isfinite(gradients[1].numpy().astype("float32")).all()
