import keras
import numpy as np
import pytest
from battery import assert_close, randomize

from zoo import models
from zoo.models import ResNet


def images(*shape, seed=7):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def tiny(**options):
    arguments = {"num_classes": 5, "block": "basic", "stem": "small", "stem_filters": 4, **options}
    return ResNet((1, 2), (4, 6), **arguments)


# torchvision's and timm's counts, and those of the wide and CIFAR papers' implementations with projections
# (10 classes, 3 channels); trainable parameters, as they count.
PUBLISHED = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet50d": 25_576_264,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnet20": 272_474,
    "resnet32": 466_906,
    "resnet56": 855_770,
    "wide_resnet16_4": 2_748_890,
    "wide_resnet28_10": 36_479_194,
    "wide_resnet40_4": 8_949_210,
}


def trainable_parameters(model, channels=3):
    with keras.StatelessScope(initialize_variables=False):  # shapes without memory
        model.build((None, 64, 64, channels))
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "resnet152" else n for n in PUBLISHED]
)
def test_parameter_count_is_the_published_one(name):
    assert trainable_parameters(getattr(models, name)()) == PUBLISHED[name]


def test_every_builder_has_its_count_checked():
    builders = {name for name in models.__all__ if name.startswith(("resnet", "wide_resnet"))}
    assert builders == set(PUBLISHED)


def test_resnet20_for_grey_images_has_272186_parameters():
    assert trainable_parameters(models.resnet20(), channels=1) == 272_186


@pytest.mark.parametrize("size", [(45, 37), (64, 33), (31, 96)], ids=str)
@pytest.mark.parametrize(("stem", "first"), [("small", 1), ("conv7", 4), ("deep", 4)])
@pytest.mark.parametrize("antialias", [False, True])
def test_features_are_the_image_over_the_stride_rounded_up(size, stem, first, antialias):
    model = ResNet((1, 1, 1), (3, 4, 5), None, "basic", stem, 4, block_options={"antialias": antialias})
    features = model.features(images(1, *size, 2))
    strides = [first, 2 * first, 4 * first]
    assert [f.shape for f in features] == [
        (1, -(-size[0] // s), -(-size[1] // s), depth) for s, depth in zip(strides, (3, 4, 5), strict=True)
    ]


def test_the_output_is_the_head_on_the_mean_of_the_last_features():
    model, x = tiny(), images(2, 9, 7, 3)
    model.build((None, 9, 7, 3))
    randomize(model)
    pooled = keras.ops.mean(model.features(x)[-1], axis=(1, 2))
    assert_close(model(x), model.head(pooled))


def test_features_of_a_network_never_called_build_it():
    model, x = tiny(), images(2, 9, 7, 3)
    features = model.features(x)
    assert model.built
    model(x)
    assert_close(model.features(x)[0], features[0], atol=0)


def test_features_of_a_preactivated_network_end_before_the_closing_norm():
    model, x = tiny(block="preactivation", num_classes=None), images(2, 9, 7, 3)
    last = model.features(x)[-1]
    assert np.min(last) < 0
    assert_close(model(x), keras.ops.mean(keras.ops.relu(model.final_norm(last)), axis=(1, 2)))


def test_with_zero_init_a_fresh_network_is_its_stem_and_shortcuts():
    model, x = ResNet((3,), (4,), None, "basic", "small", 4), images(2, 9, 7, 3)
    last = model.features(x)[-1]
    assert_close(last, model.call_stem(x), atol=0)


def test_stochastic_depth_grows_linearly_to_the_last_block():
    rates = [block.drop_path for block in models.resnet20(drop_path=0.4).blocks]
    assert rates == pytest.approx([0.05 * i for i in range(9)])


def test_epsilon_reaches_every_norm():
    model = tiny(block="preactivation", stem="conv7", block_options={"epsilon": 3e-4})
    model.build((None, 32, 32, 1))
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 1 + 2 * 3 + 1
    assert {norm.epsilon for norm in norms} == {3e-4}


def test_options_of_a_builder_are_merged_with_its_own():
    model = models.resnet50d(block_options={"squeeze_excite": 0.25}, num_classes=3, name="mine")
    assert model.block_options == {"shortcut": "pool", "squeeze_excite": 0.25}
    assert (model.num_classes, model.name) == (3, "mine")
    assert models.resnet50d(block_options=None).block_options == {"shortcut": "pool"}


def test_integer_pixels_are_taken_as_floats():
    model, x = tiny(), np.arange(2 * 9 * 7, dtype="uint8").reshape(2, 9, 7, 1)
    assert_close(model(x), model(x.astype("float32")), atol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": "basik"}, "block: expected one of .*found 'basik'"),
        ({"stem": "conv5"}, "stem: expected one of .*found 'conv5'"),
        ({"num_clases": 3}, "num_clases"),
        ({"block_options": {"shortcuts": "pool"}}, "block_options: expected some of .*found .'shortcuts'"),
        ({"block_options": {"stride": 1}}, "block_options: expected some of .*found .'stride'"),
        ({"block_options": {"stride_first": True}}, "block='basic', found .'stride_first'"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_filters_for_another_number_of_stages_are_named():
    with pytest.raises(ValueError, match=r"stage_filters: expected 2 numbers.*found \(4, 5, 6\)"):
        ResNet((1, 1), (4, 5, 6))
