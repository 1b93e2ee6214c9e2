"""Outputs of tiny networks with a fixed seed: a change of the numbers is a change of the models."""

import keras
import numpy as np
import pytest

from zoo.models import MLP, ConvNet, ResNet

EVERY_TRICK = {"shortcut": "pool", "squeeze_excite": 0.25, "antialias": True, "zero_init": False}
GOLDENS = {
    "basic": (
        lambda: ResNet((1, 1), (4, 6), 3, "basic", "small", 4, block_options={"zero_init": False}),
        [-0.308731, -0.142341, -0.575033, -0.215144, -0.160607, -0.51721],
    ),
    "bottleneck": (
        lambda: ResNet((1, 1), (4, 6), 3, "bottleneck", "deep", 8, block_options=EVERY_TRICK),
        [-0.623644, 0.117865, -0.621903, -0.789308, 0.129886, -0.737171],
    ),
    "preactivation": (
        lambda: ResNet((1, 1), (4, 6), 3, "preactivation", "conv7", 4),
        [-1.212003, -0.567244, -1.888241, -1.050814, -0.278568, -2.194032],
    ),
    "mlp": (lambda: MLP((9, 5), 3), [-0.449349, -0.061054, 0.307662, -0.701564, 0.22814, 0.446436]),
    "conv_net": (
        lambda: ConvNet((3, 4), 8, 3),
        [1.676822, -2.652916, -0.379655, 3.03765, -3.839137, -0.561418],
    ),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_outputs_are_the_stored_ones(name):
    make, expected = GOLDENS[name]
    keras.utils.set_random_seed(11)
    x = np.random.default_rng(7).normal(size=(2, 19, 15, 3)).astype("float32")
    np.testing.assert_allclose(np.ravel(make()(x)), expected, atol=1e-4)
