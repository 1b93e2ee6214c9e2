import keras
import numpy as np
import pytest
from battery import assert_close

from zoo import models
from zoo.models import MLP, ConvNet


def test_parameter_counts_are_those_of_the_layers_written_out():
    mlp, conv_net = models.mlp(), models.conv_net()
    for model in (mlp, conv_net):
        model.build((None, 28, 28, 1))
    assert mlp.count_params() == 785 * 256 + 257 * 128 + 129 * 64 + 65 * 10
    assert conv_net.count_params() == 10 * 32 + (9 * 32 + 1) * 64 + (7 * 7 * 64 + 1) * 128 + 129 * 10


def test_mlp_is_the_formula():
    model = MLP((5,), num_classes=3)
    x = np.random.default_rng(0).normal(size=(4, 3, 2, 1)).astype("float32")
    y = model(x)
    hidden = np.maximum(x.reshape(4, 6) @ model.hidden[0].kernel + model.hidden[0].bias, 0)
    assert_close(y, hidden @ model.head.kernel + model.head.bias)


@pytest.mark.parametrize("model", [MLP((5,)), ConvNet((4,), 5)], ids=["mlp", "conv_net"])
def test_images_of_another_size_are_refused_not_folded_into_the_batch(model):
    model(keras.ops.zeros((2, 4, 4, 1)))
    with pytest.raises(Exception, match=r"(?i)shape|reshape"):
        model(keras.ops.zeros((8, 2, 2, 1)))


@pytest.mark.parametrize("model", [MLP(), ConvNet()], ids=["mlp", "conv_net"])
def test_a_free_size_is_refused_at_build(model):
    with pytest.raises(ValueError, match="input_shape: expected fixed height, width and channels"):
        model.build((None, None, None, 3))


@pytest.mark.parametrize(("cls", "typo"), [(MLP, "hidden_dim"), (ConvNet, "hidden_dims")])
def test_an_unknown_argument_is_named(cls, typo):
    with pytest.raises(ValueError, match=typo):
        cls(**{typo: 3})
