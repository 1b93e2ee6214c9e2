import keras
import numpy as np
import pytest
from battery import assert_close, randomize

from zoo.layers import BasicBlock, BlurPool2D, BottleneckBlock, Conv2D, PreActivationBlock, SqueezeExcite


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("block", [BasicBlock(6), BottleneckBlock(3)], ids=["basic", "bottleneck"])
@pytest.mark.parametrize("training", [True, False])
def test_a_fresh_block_is_the_relu_of_its_shortcut(block, training):
    block = type(block).from_config(block.get_config())
    x = images(2, 7, 5, 6 if block.expansion == 1 else 12)
    assert_close(block(x, training=training), np.maximum(x, 0), atol=0)


@pytest.mark.parametrize("shortcut", ["conv", "pool"])
def test_a_fresh_projecting_block_is_the_relu_of_its_shortcut(shortcut):
    block, x = BottleneckBlock(3, stride=2, shortcut=shortcut, squeeze_excite=0.5), images(2, 7, 5, 6)
    y = block(x)
    if shortcut == "pool":
        x = keras.ops.average_pool(x, 2, padding="same")
    x = block.shortcut_norm(block.shortcut_conv(x))
    assert_close(y, keras.ops.relu(x))


def test_without_zero_init_a_fresh_block_is_not_the_identity():
    block, x = BasicBlock(6, zero_init=False), images(2, 7, 5, 6)
    assert np.abs(block(x) - np.maximum(x, 0)).max() > 0.1


def test_stochastic_depth_drops_whole_examples_in_training_only():
    rate, shape = 0.4, (64, 3, 5, 4)
    dropping, always = PreActivationBlock(4, drop_path=rate), PreActivationBlock(4)
    for block in (dropping, always):
        block.build((None, *shape[1:]))
        randomize(block)
    x = images(*shape)
    branch = always(x, training=True) - x
    dropped = dropping(x, training=True) - x
    keeps = np.abs(dropped).max(axis=(1, 2, 3)) > 1e-6
    assert 0.4 < keeps.mean() < 0.8
    assert_close(dropped, np.where(keeps[:, None, None, None], branch / (1 - rate), 0), atol=1e-4)
    assert_close(dropping(x), always(x), atol=0)


@pytest.mark.parametrize("size", [(8, 6), (7, 9), (5, 4)], ids=str)
@pytest.mark.parametrize(
    "block",
    [
        BasicBlock(4, stride=2),
        BasicBlock(4, stride=2, antialias=True),
        BottleneckBlock(2, stride=2, shortcut="pool"),
        BottleneckBlock(2, stride=2, stride_first=True),
        PreActivationBlock(4, stride=2, antialias=True),
    ],
    ids=lambda block: type(block).__name__,
)
def test_size_is_halved_and_rounded_up(block, size):
    block = type(block).from_config(block.get_config())
    height, width = -(-size[0] // 2), -(-size[1] // 2)
    expected = (2, height, width, block.filters * block.expansion)
    assert block(images(2, *size, 3)).shape == expected
    assert block.compute_output_shape((2, *size, 3)) == expected
    assert block.compute_output_shape((None, None, None, 3)) == (None, None, None, expected[-1])


def test_stride_sits_in_the_3x3_convolution_or_in_the_first():
    later, first = BottleneckBlock(4, stride=2), BottleneckBlock(4, stride=2, stride_first=True)
    for block in (later, first):
        block.build((None, 8, 8, 3))
    assert (later.conv1.stride, later.conv2.stride) == (1, 2)
    assert (first.conv1.stride, first.conv2.stride) == (2, 1)


def test_antialias_blurs_where_the_stride_was():
    block = BasicBlock(4, stride=2, antialias=True)
    block.build((None, 8, 8, 3))
    assert (block.conv1.stride, block.blur.stride) == (1, 2)
    assert block.shortcut_conv.stride == 1
    assert BasicBlock(4).antialias is False


def test_blur_keeps_a_constant_and_halves_a_checkerboard_to_its_mean():
    board = np.indices((9, 7)).sum(0) % 2
    assert_close(BlurPool2D(2)(np.full((1, 9, 7, 2), 3.0, "float32")), np.full((1, 5, 4, 2), 3.0))
    assert_close(BlurPool2D(1)(board[None, :, :, None].astype("float32")), np.full((1, 9, 7, 1), 0.5))


def test_squeeze_excite_scales_whole_channels_by_less_than_one():
    layer, x = SqueezeExcite(0.5), images(3, 5, 7, 16)
    layer.build(x.shape)
    randomize(layer)
    ratio = layer(x) / x
    assert_close(ratio, np.broadcast_to(ratio[:, :1, :1], x.shape), atol=1e-4, rtol=1e-4)
    assert 0 < np.min(ratio) < np.max(ratio) < 1


def test_convolution_starts_with_the_variance_of_he():
    layer = Conv2D(128, 3)
    layer.build((None, 5, 5, 64))
    assert np.std(layer.kernel) == pytest.approx(np.sqrt(2 / (9 * 128)), rel=0.02)
    assert layer.count_params() == 9 * 64 * 128


def test_channels_stay_last_where_keras_is_set_to_channels_first():
    x, block = (
        images(2, 6, 4, 3),
        BasicBlock(4, stride=2, shortcut="pool", squeeze_excite=0.5, antialias=True),
    )
    expected = block(x)
    keras.config.set_image_data_format("channels_first")
    try:
        other = BasicBlock.from_config(block.get_config())
        other.build(x.shape)
        other.set_weights(block.get_weights())
        assert_close(other(x), expected)
    finally:
        keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BasicBlock(4, shortcut="max"), "shortcut: expected 'conv' or 'pool', found 'max'"),
        (lambda: BasicBlock(4, drop_path=1.0), r"drop_path: expected a probability in \[0, 1\), found 1.0"),
        (lambda: BottleneckBlock(4, stride_first=True, antialias=True), "stride_first: expected False"),
        (lambda: Conv2D(4, 2), "kernel_size: expected an odd integer, found 2"),
        (lambda: SqueezeExcite(0), r"ratio: expected a number in \(0, 1\], found 0"),
        (lambda: BasicBlock(4, strid=2), "strid"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
