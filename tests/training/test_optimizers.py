import keras
import numpy as np
import pytest

from zoo.layers import BatchNorm
from zoo.training import make_optimizer
from zoo.training.optimizers import OPTIMIZERS


def variables_of_ones():
    """A kernel, a bias, and the scale and shift of a norm."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), BatchNorm()])
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    return model.trainable_variables


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_weight_decay_shrinks_kernels_and_leaves_norms_and_biases(name):
    variables = variables_of_ones()
    make_optimizer(name, 0.1, weight_decay=0.5).apply(
        [np.zeros(v.shape, "float32") for v in variables], variables
    )
    assert {v.name for v in variables} == {"kernel", "bias", "gamma", "beta"}
    for variable in variables:
        expected = 1 - 0.1 * 0.5 if variable.name == "kernel" else 1.0
        np.testing.assert_allclose(variable, np.full(variable.shape, expected), rtol=1e-6)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_without_weight_decay_a_zero_gradient_changes_nothing(name):
    variables = variables_of_ones()
    make_optimizer(name, 0.1).apply([np.zeros(v.shape, "float32") for v in variables], variables)
    for variable in variables:
        np.testing.assert_array_equal(variable, np.ones(variable.shape))


def test_sgd_is_nesterov_by_hand():
    weight = keras.Variable([1.0])
    optimizer = make_optimizer("sgd", 0.1, momentum=0.9)
    value, velocity = 1.0, 0.0
    for gradient in (0.5, -0.2, 0.3):
        optimizer.apply([np.array([gradient], "float32")], [weight])
        velocity = 0.9 * velocity - 0.1 * gradient
        value += 0.9 * velocity - 0.1 * gradient
        assert float(weight.numpy()[0]) == pytest.approx(value, abs=1e-6)


def test_clip_norm_is_global_and_ema_is_kept():
    a, b = keras.Variable([0.0]), keras.Variable([0.0])
    optimizer = make_optimizer("sgd", 1.0, momentum=0.0, clip_norm=1.0, ema=0.75)
    optimizer.apply([np.array([30.0], "float32"), np.array([40.0], "float32")], [a, b])
    np.testing.assert_allclose([a.numpy()[0], b.numpy()[0]], [-0.6, -0.8], rtol=1e-6)
    assert optimizer.use_ema
    assert optimizer.ema_momentum == 0.75


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"optimizer: expected one of .*'sgd'.*found 'sgdm'"):
        make_optimizer("sgdm", 0.1)


def test_whole_numbers_are_numbers():
    optimizer = make_optimizer("sgd", 1, momentum=0)
    assert float(optimizer.learning_rate) == 1.0
    assert optimizer.momentum == 0.0
