import json

import keras
import numpy as np
import pytest

from zoo import models
from zoo.hub.checkpoint import weight_names
from zoo.hub.foreign import (
    KERAS_EPSILON,
    from_keras,
    hf_resnet_arguments,
    hf_resnet_names,
    keras_applications_model,
    load_hf_resnet,
    load_keras_applications,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:(torch|transformers).*")

BASIC = {"layer_type": "basic", "embedding_size": 10, "hidden_sizes": [10, 14, 22], "depths": [1, 2, 1]}
WIDE = {"layer_type": "basic", "embedding_size": 6, "hidden_sizes": [14, 10], "depths": [2, 1]}
BOTTLENECK = {
    "layer_type": "bottleneck",
    "embedding_size": 10,
    "hidden_sizes": [20, 28, 52],
    "depths": [2, 1, 2],
}
FIRST = {**BOTTLENECK, "downsample_in_bottleneck": True, "hidden_sizes": [40, 28, 52]}
CONFIG = {"model_type": "resnet", "num_labels": 7, **BASIC}


def randomised(torch, module):
    """Random weights and moving statistics that keep activations near 1."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5, generator=generator)
            elif "normalization.weight" in name:
                value.uniform_(0.5, 1.0, generator=generator)
            elif value.ndim == 1:
                value.normal_(0, 0.2, generator=generator)
    return module.eval()


def hugging_face(folder, settings, head=True):
    """A random Hugging Face ResNet saved to `folder`; returns its outputs for an image of odd size."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    kind = transformers.ResNetForImageClassification if head else transformers.ResNetModel
    model = randomised(torch, kind(transformers.ResNetConfig(num_labels=7, **settings)))
    model.save_pretrained(folder)
    x = np.random.default_rng(7).uniform(-2, 2, (3, 45, 37, 3)).astype("float32")
    with torch.no_grad():
        output = model(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    return x, (output.logits if head else output.pooler_output.flatten(1)).numpy()


def ours(folder, **overrides):
    config = json.loads((folder / "config.json").read_text())
    model = models.ResNet(**{**hf_resnet_arguments(config), **overrides})
    model.build((None, None, None, config["num_channels"]))
    return model, config


@pytest.mark.parametrize("settings", [BASIC, WIDE, BOTTLENECK, FIRST])
def test_equals_hugging_face_resnet(settings, tmp_path):
    x, expected = hugging_face(tmp_path, settings)
    model, config = ours(tmp_path)
    load_hf_resnet(model, tmp_path / "model.safetensors", config)
    assert expected.std() > 0.05
    np.testing.assert_allclose(model(x), expected, atol=1e-4)


def test_equals_hugging_face_resnet_without_head(tmp_path):
    x, expected = hugging_face(tmp_path, BOTTLENECK, head=False)
    model, config = ours(tmp_path)
    assert model.num_classes is None
    load_hf_resnet(model, tmp_path / "model.safetensors", config)
    np.testing.assert_allclose(model(x), expected, atol=1e-4)


def test_another_head_needs_skip(tmp_path):
    hugging_face(tmp_path, BASIC)
    model, config = ours(tmp_path, num_classes=4)
    before = np.asarray(model.head.kernel).copy()
    shapes = r"head\.kernel: expected \[4, 22\], found \[7, 22\] of classifier\.1\.weight"
    with pytest.raises(ValueError, match=shapes):
        load_hf_resnet(model, tmp_path / "model.safetensors", config)
    load_hf_resnet(model, tmp_path / "model.safetensors", config, skip="head.")
    np.testing.assert_array_equal(model.head.kernel, before)


def test_model_that_would_compute_something_else_is_refused(tmp_path):
    hugging_face(tmp_path, BOTTLENECK)
    model, config = ours(tmp_path, block_options={"stride_first": True})
    with pytest.raises(
        ValueError, match="expected stride_first=False for these weights, found stride_first=True"
    ):
        load_hf_resnet(model, tmp_path / "model.safetensors", config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "vit"}, "model_type: expected 'resnet', found 'vit'"),
        ({"layer_type": "odd"}, "layer_type: expected 'basic' or 'bottleneck', found 'odd'"),
        ({"hidden_act": "gelu"}, "hidden_act: expected 'relu', found 'gelu'"),
        ({"downsample_in_first_stage": True}, "downsample_in_first_stage: expected False, found True"),
        ({"depths": [1, 1]}, r"depths: expected one for each of the 3 hidden_sizes, found \[1, 1\]"),
        ({"layer_type": "bottleneck"}, r"hidden_sizes: expected multiples of 4 .* found \(10, 14, 22\)"),
    ],
)
def test_unsupported_setting_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        hf_resnet_arguments({**CONFIG, **change})


def test_defaults_are_those_of_resnet50():
    arguments = hf_resnet_arguments({"model_type": "resnet", "id2label": {str(i): "" for i in range(9)}})
    model = models.ResNet(**arguments)
    assert (model.stage_blocks, model.stage_filters) == ((3, 4, 6, 3), (64, 128, 256, 512))
    assert model.num_classes == 9


def test_map_covers_every_variable():
    model = models.ResNet(**hf_resnet_arguments(CONFIG))
    model.build((None, None, None, 3))
    assert weight_names(model).keys() <= hf_resnet_names(CONFIG).keys()


def keras_resnet(**arguments):
    """keras.applications' ResNet50 with random weights and moving statistics, classes 7."""
    keras.utils.set_random_seed(0)
    model = keras.applications.ResNet50(
        weights=None, classes=7, classifier_activation=None, input_shape=(65, 71, 3), **arguments
    )
    rng = np.random.default_rng(0)
    for variable in model.variables:
        shape, name = tuple(variable.shape), variable.path
        if name.endswith(("variance", "gamma")):
            variable.assign(rng.uniform(0.2 if "_3_bn/gamma" in name else 0.5, 1.0, shape))
        elif not name.endswith("kernel"):
            variable.assign(rng.normal(0, 0.2, shape))
    return model


def ours_for_keras(**overrides):
    options = {"stride_first": True, "epsilon": KERAS_EPSILON}
    model = models.resnet50(**{"num_classes": 7, "block_options": options, **overrides})
    model.build((None, 65, 71, 3))
    return model


@pytest.mark.slow
def test_equals_keras_applications_resnet50():
    theirs, model = keras_resnet(), ours_for_keras()
    x = np.random.default_rng(1).uniform(-2, 2, (2, 65, 71, 3)).astype("float32")
    expected = theirs.predict_on_batch(x)
    load_keras_applications(model, theirs)
    assert expected.std() > 0.05
    np.testing.assert_allclose(model(x), expected, atol=1e-4)
    load_keras_applications(model, theirs, rgb=True)
    np.testing.assert_allclose(model(x[..., ::-1]), expected, atol=1e-4)


@pytest.mark.slow
def test_misfits_of_keras_applications_are_told():
    theirs = keras_resnet()
    with pytest.raises(ValueError, match=r"expected epsilon=1\.001e-05, stride_first=True for these weights"):
        load_keras_applications(ours_for_keras(block_options={}), theirs)
    with pytest.raises(ValueError, match=r"head\.kernel: expected \[2048, 3\], found \[2048, 7\]"):
        load_keras_applications(ours_for_keras(num_classes=3), theirs)
    with pytest.raises(ValueError, match=r"2 unexpected in the file: predictions\.bias"):
        load_keras_applications(ours_for_keras(num_classes=None), theirs)


def test_unknown_keras_application_is_refused():
    with pytest.raises(ValueError, match="expected keras-applications:ResNet50"):
        keras_applications_model("keras-applications:VGG16")


def test_what_keras_is_to_download_is_told_offline_and_where_it_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setenv("ZOO_OFFLINE", "1")
        with pytest.raises(ValueError, match=r"source: expected .*resnet50_weights.* because ZOO_OFFLINE"):
            keras_applications_model("keras-applications:ResNet50")
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "here.json").write_text("{}")
        assert from_keras("here.json", lambda: "fetched") == "fetched"

    def unreachable():
        url = "http://localhost:1/index.json"  # a port where nobody listens
        return keras.utils.get_file("index.json", url, cache_dir=tmp_path)

    with pytest.raises(ConnectionError, match=r"index.json: expected a download by Keras, found a failure"):
        from_keras("index.json", unreachable)
