import keras
import numpy as np
import pytest
from battery import randomize

from zoo.models import MLP, ConvNet, ResNet

MODELS = {
    "resnet": lambda n: ResNet((1, 1), (4, 6), n, "basic", "small", 4),
    "mlp": lambda n: MLP((5,), n),
    "conv_net": lambda n: ConvNet((3,), 5, n),
}


@pytest.fixture(params=MODELS)
def make(request):
    return MODELS[request.param]


def test_a_new_head_keeps_everything_else(make):
    model, x = make(4), np.ones((2, 8, 6, 1), "float32")
    model(x)
    randomize(model)
    before = {v.path: v.numpy() for v in model.variables if "head" not in v.path}
    model.replace_head(7)
    assert model(x).shape == (2, 7)
    assert model.compute_output_shape((None, 8, 6, 1)) == (None, 7)
    assert model.get_config()["num_classes"] == 7
    assert len(model.variables) == len(before) + 2
    for variable in model.variables:
        if variable.path in before:
            np.testing.assert_array_equal(variable, before[variable.path])
    assert [layer.name for layer in model.layers].count("head") == 1


def test_a_new_head_trains_and_survives_a_file(make, tmp_path):
    model = make(4)
    model.build((None, 8, 6, 1))
    model.replace_head(3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True)
    fresh = model.head.kernel.numpy()
    x = np.random.default_rng(0).normal(size=(6, 8, 6, 1)).astype("float32")
    model.fit(x, np.arange(6) % 3, verbose=0)
    assert np.abs(model.head.kernel - fresh).max() > 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)


def test_before_the_build_a_new_head_is_built_with_the_rest(make):
    model = make(4)
    model.replace_head(3)
    model.build((None, 8, 6, 1))
    assert model.head.kernel.shape[-1] == 3


def test_a_head_can_be_taken_off_and_put_on(make):
    model, x = make(4), np.ones((2, 8, 6, 1), "float32")
    logits = model(x)
    model.replace_head(None)
    features = model(x)
    assert features.shape == model.compute_output_shape(x.shape) == (2, model.head_dim)
    model.replace_head(4)
    assert model(x).shape == logits.shape
