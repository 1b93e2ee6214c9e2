"""A photograph comes out as it was seen, however the camera was held."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf

from zoo.preprocessing import ImagePreprocessor
from zoo.preprocessing.orientation import exif_orientation

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 16, 1), "uint8").repeat(8, 0).repeat(8, 1)


def jpeg(orientation, order="<", before=()):
    """PIXELS as a JPEG with an EXIF directory written by hand: `before` other tags, then the orientation."""
    plain = tf.io.encode_jpeg(PIXELS, quality=100).numpy()
    entries = [struct.pack(f"{order}HHIHH", tag, 3, 1, 7, 0) for tag in before]
    entries += [struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)]
    tiff = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    body = b"Exif\0\0" + tiff + b"".join(entries) + struct.pack(f"{order}I", 0)
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone_as_pillow_does(orientation, order):
    image = pytest.importorskip("PIL.Image")
    ops = pytest.importorskip("PIL.ImageOps")
    encoded = jpeg(orientation, order, before=(0x010F, 0x0110))
    expected = np.asarray(ops.exif_transpose(image.open(io.BytesIO(encoded))))
    found = ImagePreprocessor((8, 8), channels=1).decode(encoded).numpy()[..., 0]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.astype("int32"), expected.astype("int32"), atol=2)


@pytest.mark.parametrize("encoded", [b"", b"\xff\xd8", b"Exif\0\0", jpeg(9), jpeg(0), jpeg(6)[:40]])
def test_a_file_without_a_valid_orientation_is_upright(encoded):
    expected = 6 if encoded == jpeg(6)[:40] else 1
    assert int(exif_orientation(tf.constant(encoded))) == expected


def test_the_tag_of_another_kind_of_file_does_not_count():
    assert int(exif_orientation(tf.io.encode_png(PIXELS) + jpeg(6))) == 1
