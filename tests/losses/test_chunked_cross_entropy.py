import numpy as np
import pytest
import tensorflow as tf

from zoo.kernels.cross_entropy import cross_entropy, cross_entropy_plain
from zoo.losses import chunked_cross_entropy, target_log_probs

RANDOM = np.random.default_rng(0)
HIDDEN = RANDOM.normal(size=(2, 7, 5)).astype("float32")
KERNEL = RANDOM.normal(size=(11, 5)).astype("float32")
TARGETS = RANDOM.integers(0, 11, (2, 7))
WEIGHTS = RANDOM.uniform(size=(2, 7)).astype("float32")


def whole(hidden, kernel):
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        TARGETS, tf.matmul(hidden, kernel, transpose_b=True)
    )
    return tf.reduce_sum(losses * WEIGHTS) / WEIGHTS.sum()


@pytest.mark.parametrize("chunk", [1, 3, 7, 64])
@pytest.mark.parametrize("length", [7, None])
def test_value_and_gradients_equal_those_of_the_whole(chunk, length):
    @tf.function(input_signature=[tf.TensorSpec((None, length, 5)), tf.TensorSpec((11, 5))])
    def ours(hidden, kernel):
        return 3 * chunked_cross_entropy(hidden, kernel, TARGETS, WEIGHTS, chunk)

    results = []
    for function in (ours, lambda *inputs: 3 * whole(*inputs)):
        inputs = tf.constant(HIDDEN), tf.constant(KERNEL)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = function(*inputs)
        results.append((loss, *tape.gradient(loss, inputs)))
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_bfloat16_states_give_the_kernel_a_gradient_of_its_own_type():
    kernel = tf.constant(KERNEL)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        loss = chunked_cross_entropy(tf.cast(HIDDEN, "bfloat16"), kernel, TARGETS, WEIGHTS, 3)
    assert tape.gradient(loss, kernel).dtype == "float32"
    np.testing.assert_allclose(loss, whole(HIDDEN, KERNEL), rtol=0.03)


def test_log_probs_are_those_of_the_softmax():
    logits = HIDDEN @ KERNEL.T
    expected = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = np.take_along_axis(expected, TARGETS[..., None], -1)[..., 0]
    np.testing.assert_allclose(target_log_probs(tf.constant(HIDDEN), KERNEL, TARGETS, 3), expected, atol=1e-5)


def test_fused_kernel_equals_the_plain_form():
    logits, targets = RANDOM.normal(size=(6, 9)).astype("float32"), RANDOM.integers(0, 9, 6)
    for found, expected in zip(
        cross_entropy(logits, targets), cross_entropy_plain(logits, targets), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6)
