import keras
import numpy as np
import pytest

from zoo.kernels import by_panels, panel_product, panels_of, project
from zoo.kernels.projection import ONE_ROW, ROWS


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("way", [ONE_ROW, ROWS, {"width": 64, "groups": 3}], ids=str)
@pytest.mark.parametrize("units", [5, 64, 192, 200, 1000])
def test_panels_give_the_product_of_the_kernel(units, way, use_bias, rows):
    dense = keras.layers.Dense(units, use_bias=use_bias, bias_initializer="random_normal")
    dense.build((None, 10))
    x = np.random.default_rng(0).normal(size=(rows, 10)).astype("float32")
    expected = project(dense, x)
    groups = panels_of(dense.kernel, **way)
    count = -(-units // way["width"])
    assert len(groups) == min(way["groups"], count)
    assert sum(len(panels) for panels in groups) == count
    assert all(panels.shape[1:] == (10, way["width"]) for panels in groups)
    for panels, same in zip(groups, panels_of(dense.kernel.numpy().T, **way, turned=True), strict=True):
        np.testing.assert_array_equal(panels, same)
    with by_panels([dense], [groups]):
        found = project(dense, x)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(project(dense, x), expected)
    np.testing.assert_allclose(panel_product(x, groups, units), x @ dense.kernel.numpy(), atol=1e-5)


def test_other_layers_keep_their_kernels():
    dense, other = keras.layers.Dense(64), keras.layers.Dense(50)
    x = np.ones((2, 8), "float32")
    expected = dense(x), other(x)
    with by_panels([dense], [panels_of(0 * dense.kernel, **ROWS)]):
        np.testing.assert_array_equal(project(other, x), expected[1])
        np.testing.assert_array_equal(project(dense, x), 0 * expected[0])
