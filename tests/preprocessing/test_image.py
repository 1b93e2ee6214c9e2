"""ImagePreprocessor: decoding, channels, resize, crop and normalisation, eager and in a graph."""

import numpy as np
import pytest
import tensorflow as tf

from zoo.preprocessing import ImagePreprocessor

ENCODERS = {"png": tf.io.encode_png, "jpeg": lambda x: tf.io.encode_jpeg(x, quality=100)}


def picture(height=41, width=35, channels=3, seed=0):
    """A smooth random picture, uint8 [height, width, channels]."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (5, 4, channels))
    return tf.cast(
        tf.clip_by_value(tf.image.resize(coarse, (height, width), "bicubic"), 0, 255), "uint8"
    ).numpy()


def bmp(image):
    """A 24-bit BMP file of uint8 [H, W, 3]; rows bottom up, blue first, padded to 4 bytes."""
    height, width, _ = image.shape
    rows = b"".join(r[:, ::-1].tobytes() + b"\0" * (-3 * width % 4) for r in image[::-1])
    head = b"BM" + (54 + len(rows)).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    info = (40).to_bytes(4, "little") + width.to_bytes(4, "little") + height.to_bytes(4, "little")
    return head + info + (1).to_bytes(2, "little") + (24).to_bytes(2, "little") + bytes(24) + rows


def test_normalises_by_hand_computed_numbers():
    prepare = ImagePreprocessor((2, 3), channels=3, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    pixels = np.arange(18, dtype="uint8").reshape(1, 2, 3, 3) * 10
    expected = (pixels / 255.0 - [0.1, 0.2, 0.3]) / [0.5, 0.25, 2.0]
    np.testing.assert_allclose(prepare(pixels), expected, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("stored", [1, 3])
@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_bytes_equal_pixels(kind, stored, channels):
    prepare = ImagePreprocessor((23, 29), channels=channels)
    encoded = ENCODERS[kind](picture(channels=stored)).numpy()
    decoded = tf.io.decode_image(encoded).numpy()[None]
    np.testing.assert_allclose(prepare.from_bytes([encoded]), prepare(decoded), atol=1e-5)
    assert prepare(decoded).shape == (1, 23, 29, channels)


def test_bmp_and_gif_decode_too():
    image = picture(8, 9)
    prepare = ImagePreprocessor((8, 9))
    np.testing.assert_array_equal(prepare.decode(bmp(image)), image)
    # GIF87a, 1 x 1, one palette of two colours, the pixel in the first: (255, 0, 128)
    gif = bytes.fromhex(
        "474946383761010001008000 00ff0080000000 2c00000000010001000002024401003b".replace(" ", "")
    )
    np.testing.assert_array_equal(prepare.decode(gif), [[[255, 0, 128]]])


def test_alpha_is_dropped_and_grey_follows_luma():
    colour = picture()
    alpha = np.concatenate([colour, np.full((41, 35, 1), 7, "uint8")], axis=-1)
    as_colour, as_grey = ImagePreprocessor((41, 35)), ImagePreprocessor((41, 35), channels=1)
    np.testing.assert_array_equal(as_colour.decode(tf.io.encode_png(alpha).numpy()), colour)
    luma = colour @ np.array([0.2989, 0.587, 0.114])
    np.testing.assert_allclose(as_grey.decode(tf.io.encode_png(alpha).numpy())[..., 0], luma, atol=0.51)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos3"])
@pytest.mark.parametrize("size", [(17, 13), (61, 70)])
def test_resize_equals_pillow(interpolation, size):
    image = pytest.importorskip("PIL.Image")
    filters = {"bilinear": image.BILINEAR, "bicubic": image.BICUBIC, "lanczos3": image.LANCZOS}
    source = picture()
    theirs = np.asarray(image.fromarray(source).resize(size[::-1], filters[interpolation]), "float32")
    ours = ImagePreprocessor(size, interpolation=interpolation).resize(source)
    tolerance = 4.0 if interpolation == "bicubic" else 1.5  # Pillow rounds between its passes
    np.testing.assert_allclose(ours, theirs, atol=tolerance)


def test_crop_takes_the_centre_of_the_short_side_resize():
    wide = np.zeros((1, 40, 80, 3), "uint8")
    wide[:, :, 20:60] = 255  # the central square
    cropped = ImagePreprocessor((32, 32), crop_ratio=0.8).resize(wide)
    assert cropped.shape == (1, 32, 32, 3)
    np.testing.assert_allclose(cropped, 255, atol=1)
    all_of_it = ImagePreprocessor((32, 32)).resize(wide)
    assert float(tf.reduce_min(all_of_it)) < 1


def test_same_object_runs_in_a_graph_with_unknown_sizes():
    prepare = ImagePreprocessor((12, 10), channels=1, mean=(0.3,), std=(0.2,), crop_ratio=0.9)
    graph = tf.function(prepare, input_signature=[tf.TensorSpec((None, None, None, 3), "uint8")])
    for seed, shape in enumerate([(20, 31), (9, 8)]):
        pixels = picture(*shape, seed=seed)[None]
        np.testing.assert_allclose(graph(pixels), prepare(pixels), atol=1e-5)


def test_config_round_trip():
    prepare = ImagePreprocessor((5, 6), 1, (0.1,), (0.2,), "lanczos3", 0.5)
    again = ImagePreprocessor.from_config(prepare.get_config())
    assert again.get_config() == prepare.get_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 2}, r"channels: expected 1 \(grey\) or 3 \(colour\), found 2"),
        ({"interpolation": "cubic"}, "interpolation: expected one of .* found 'cubic'"),
        ({"crop_ratio": 0.0}, r"crop_ratio: expected a number in \(0, 1\], found 0.0"),
        ({"mean": (0.1, 0.2)}, "mean: expected 1 or 3 numbers, found 2"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ImagePreprocessor((8, 8), **arguments)
