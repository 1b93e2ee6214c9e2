import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.kernels import project
from zoo.kernels.int8 import FEW


def quantized(dtype="float32", **arguments):
    keras.utils.set_random_seed(2)
    dense = keras.layers.Dense(70, bias_initializer="random_normal", dtype=dtype, **arguments)
    dense.build((None, 48))
    dense.quantize("int8")
    return dense


def numbers(rows, dtype="float32"):
    return tf.constant(np.random.default_rng(1).normal(0, 3, (rows, 48)), dtype)


def unknown_rows(function):
    spec = tf.TensorSpec((None, 48))
    return tf.function(function, input_signature=[spec])


@pytest.mark.parametrize("rows", [1, 2, FEW, FEW + 1, 99])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    "way", [tf.function(jit_compile=True), unknown_rows, lambda f: f], ids=["compiled", "any rows", "eager"]
)
def test_a_product_is_that_of_the_layer(rows, use_bias, way):
    dense, x = quantized(use_bias=use_bias), numbers(rows)
    found = way(lambda x: project(dense, x))(x)
    assert found.shape == (rows, 70)
    np.testing.assert_allclose(found, dense(x), atol=1e-5)


@pytest.mark.parametrize("rows", [1, FEW, 40])
def test_bfloat16_loses_no_more_than_the_layer_does(rows):
    dense, x = quantized("bfloat16"), numbers(rows, "bfloat16")
    found = project(dense, x)
    assert found.dtype == "bfloat16"
    exact = quantized()
    exact.set_weights([np.asarray(w, "float32") if w.dtype != "int8" else w for w in dense.get_weights()])
    error, theirs = (
        np.abs(tf.cast(y - tf.cast(exact(x), y.dtype), "float32")).mean() for y in (found, dense(x))
    )
    assert error <= 1.5 * theirs


def test_a_row_of_zeros_gives_the_bias():
    dense = quantized()
    x = tf.zeros((FEW + 1, 48))
    np.testing.assert_allclose(project(dense, x), np.tile(dense.bias, (FEW + 1, 1)), atol=1e-6)


@pytest.mark.parametrize("rows", [1, FEW, 40])
def test_gradients_are_those_of_the_layer(rows):
    dense, x, upstream = quantized(), numbers(rows), tf.random.stateless_normal((rows, 70), (1, 2))
    gradients = []
    for function in (dense, lambda x: project(dense, x)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        gradients.append(tape.gradient(y, x, upstream))
    np.testing.assert_allclose(gradients[1], gradients[0], atol=1e-4)


def test_low_rank_changes_count():
    dense, x = quantized(), numbers(40)
    dense.enable_lora(3)
    dense.lora_kernel_b.assign(tf.ones_like(dense.lora_kernel_b))
    np.testing.assert_allclose(project(dense, x), dense(x), atol=1e-5)
