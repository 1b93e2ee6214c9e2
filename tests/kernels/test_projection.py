import keras
import numpy as np
import pytest

from zoo.kernels import by_panels, panel_width, panels_of, project


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("units", "width"), [(192, 96), (256, 128), (64, 64)])
def test_panels_give_the_product_of_the_kernel(units, width, use_bias):
    dense = keras.layers.Dense(units, use_bias=use_bias, bias_initializer="random_normal")
    dense.build((None, 10))
    x = np.random.default_rng(0).normal(size=(3, 10)).astype("float32")
    expected = project(dense, x)
    panels = panels_of(dense)
    assert panel_width(dense) == width
    assert panels.shape == (units // width, 10, width)
    with by_panels([dense], [panels]):
        found = project(dense, x)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(project(dense, x), expected)


def test_other_layers_keep_their_kernels():
    dense, other = keras.layers.Dense(64), keras.layers.Dense(50)
    x = np.ones((2, 8), "float32")
    expected = dense(x), other(x)
    assert panel_width(other) is None
    with by_panels([dense], [0 * panels_of(dense)]):
        np.testing.assert_array_equal(project(other, x), expected[1])
        np.testing.assert_array_equal(project(dense, x), 0 * expected[0])
