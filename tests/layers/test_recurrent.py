import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import kernels
from zoo.layers import GRU, LSTM

LAYERS = [GRU, LSTM]
HOLES = np.ones((3, 11), bool)
HOLES[1, 7:] = HOLES[2, :2] = HOLES[2, 5] = False


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def with_weights(layer, shape):
    layer.build(shape)
    layer.set_weights([0.5 * numbers(*v.shape, seed=i) for i, v in enumerate(layer.weights)])
    return layer


def outputs_and_gradients(layer, x, mask):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, mask=mask)
        loss = tf.reduce_sum(y * numbers(*y.shape, seed=7))
    return [y, *tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])]


@pytest.mark.parametrize("mask", [None, HOLES], ids=["whole", "masked"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("cls", LAYERS)
def test_equals_keras_forward_and_gradient(cls, bidirectional, mask):
    x = numbers(3, 11, 6)
    theirs = getattr(keras.layers, cls.__name__)(5, return_sequences=True)
    theirs = with_weights(keras.layers.Bidirectional(theirs) if bidirectional else theirs, x.shape)
    ours = with_weights(cls(5, bidirectional=bidirectional), x.shape)
    for a, b in zip(*(outputs_and_gradients(o, x, mask) for o in (ours, theirs)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("cls", LAYERS)
def test_a_pass_in_pieces_equals_one_pass(cls):
    x = numbers(3, 11, 6)
    layer = with_weights(cls(5), x.shape)
    pieces, state = [], None
    for piece in (x[:, :4], x[:, 4:5], x[:, 5:]):
        y, state = layer.run(piece, state)
        pieces.append(y)
    np.testing.assert_allclose(tf.concat(pieces, axis=1), layer(x), atol=1e-6)


@pytest.mark.parametrize("cls", LAYERS)
def test_padding_changes_no_output_within_the_length(cls):
    x, mask = numbers(2, 9, 4), np.arange(9)[None] < np.array([[9], [5]])
    layer = with_weights(cls(3, bidirectional=True), x.shape)
    y = layer(x, mask=mask)
    np.testing.assert_allclose(y[1:, :5], layer(x[1:, :5]), atol=1e-6)
    assert not np.any(y[1, 5:])


@pytest.mark.parametrize("cls", LAYERS)
def test_time_major_is_the_same_layer_turned(cls):
    x = numbers(3, 11, 6)
    layer, turned = cls(5, bidirectional=True), cls(5, bidirectional=True, time_major=True)
    with_weights(layer, x.shape), with_weights(turned, x.shape)
    y = turned(x.swapaxes(0, 1), mask=HOLES)
    np.testing.assert_allclose(tf.transpose(y, (1, 0, 2)), layer(x, mask=HOLES), atol=1e-6)
    both = cls(5, bidirectional=True, merge="sum")
    np.testing.assert_allclose(
        with_weights(both, x.shape)(x), np.add(*np.split(layer(x).numpy(), 2, axis=-1)), atol=1e-6
    )


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_own_gradient_equals_automatic_differentiation_of_the_plain_form(reverse, masked):
    keep = tf.constant(HOLES.T[..., None], "float32") if masked else None
    gru_inputs = [numbers(11, 3, 15), numbers(5, 15), numbers(5), numbers(3, 5)]
    lstm_inputs = [numbers(11, 3, 20), numbers(5, 20), numbers(3, 5), numbers(3, 5, seed=1)]
    forms = [(kernels.gru, kernels.gru_plain, gru_inputs)] * (not masked)
    forms += [(kernels.lstm, kernels.lstm_plain, lstm_inputs)]
    for *pair, inputs in forms:
        results = []
        for form in pair:
            values = [tf.constant(v) for v in inputs]
            with tf.GradientTape() as tape:
                tape.watch(values)
                if form in (kernels.lstm, kernels.lstm_plain):
                    x, u, h, c = values
                    y, last = form(x, u, (h, c), keep=keep, reverse=reverse)
                    loss = tf.reduce_sum(y * numbers(*y.shape, seed=3)) + tf.reduce_sum(last * last)
                else:
                    y = form(*values, reverse=reverse)
                    loss = tf.reduce_sum(y * numbers(*y.shape, seed=3))
            results.append([y, *tape.gradient(loss, values)])
        for ours, plain in zip(*results, strict=True):
            np.testing.assert_allclose(ours, plain, atol=2e-5)


def test_merge_is_checked():
    with pytest.raises(ValueError, match="merge: expected 'concat' or 'sum', found 'mul'"):
        GRU(3, merge="mul")


ON_JAX = """
import sys, numpy as np, zoo.layers
arrays = dict(np.load({path!r}))
x, mask = arrays.pop("x"), arrays.pop("mask")
results = {{}}
for name in ("GRU", "LSTM"):
    layer = getattr(zoo.layers, name)(5, bidirectional=True)
    layer.build(x.shape)
    layer.set_weights([arrays[f"{{name}}{{i}}"] for i in range(6)])
    results[name] = layer(x, mask=mask)
np.savez({path!r}, **results)
"""


@pytest.mark.slow
def test_jax_gives_the_same_numbers(tmp_path):
    pytest.importorskip("jax")
    x, path = numbers(3, 11, 6), str(tmp_path / "arrays.npz")
    layers = {cls.__name__: with_weights(cls(5, bidirectional=True), x.shape) for cls in LAYERS}
    weights = {f"{k}{i}": w for k, layer in layers.items() for i, w in enumerate(layer.get_weights())}
    np.savez(path, x=x, mask=HOLES, **weights)
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", ON_JAX.format(path=path)], env=environment, check=True, timeout=120)
    with np.load(path) as theirs:
        for name, layer in layers.items():
            np.testing.assert_allclose(theirs[name], layer(x, mask=HOLES), atol=1e-5)
