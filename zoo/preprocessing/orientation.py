"""Photographs the right way up: cameras store how they were held (EXIF 2.32, tag 0x0112), decoders ignore it.

Shapes: H height, W width, C channels.
"""

import tensorflow as tf

HEAD = 4096  # bytes that are searched: the tag stands in the first directory, at the file's beginning
ENTRIES = 64  # of that directory that are read
MARK = b"Exif\0\0"  # before the directory
TAG = 0x0112


def exif_orientation(encoded):
    """How an encoded image is stored: int32 scalar in 1..8; 1 (upright) where it does not say.

    Args:
        encoded: scalar string, a JPEG or anything else. Only JPEG files carry it here.

    Example:
        >>> int(exif_orientation(tf.io.encode_jpeg(tf.zeros((2, 3, 3), "uint8"))))
        1
    """
    head = tf.strings.substr(encoded, 0, HEAD)
    parts = tf.raw_ops.StringSplitV2(input=head[None], sep=MARK, maxsplit=1).values
    marked = (tf.strings.substr(head, 0, 2) == b"\xff\xd8") & (tf.size(parts) > 1)
    return tf.cond(marked, lambda: _directory_entry(parts[1]), lambda: 1)


def _directory_entry(block):
    """What the first directory of an EXIF block (scalar string) gives for `TAG`."""
    block = tf.cast(tf.io.decode_raw(block, tf.uint8), "int32")
    block = tf.pad(block, [[0, HEAD - tf.size(block)]])
    little_endian = block[0] == ord("I")

    def number(places, size):
        """Unsigned numbers of `size` bytes at `places`."""
        order = tf.range(size)
        order = tf.where(little_endian, order, size - 1 - order)
        digits = tf.gather(block, tf.clip_by_value(places[..., None] + order, 0, HEAD - 1))
        return tf.reduce_sum(digits * [256**i for i in range(size)], -1)

    directory = tf.clip_by_value(number(tf.constant(4), 4), 0, HEAD)
    entries = directory + 2 + 12 * tf.range(ENTRIES)
    found = (number(entries, 2) == TAG) & (tf.range(ENTRIES) < number(directory, 2))
    value = tf.reduce_max(tf.where(found, number(entries + 8, 2), 1))
    return tf.where((value >= 1) & (value <= 8), value, 1)


def upright(image, orientation):
    """[H, W, C] as stored -> as seen; H and W change places for 5..8.

    Args:
        image: any type.
        orientation: int32 scalar, of `exif_orientation`.
    """
    flip_columns, flip_rows = (
        tf.reduce_any(orientation == values) for values in ((2, 3, 6, 7), (3, 4, 7, 8))
    )
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    image = tf.cond(flip_columns, lambda: tf.reverse(image, (1,)), lambda: image)
    return tf.cond(flip_rows, lambda: tf.reverse(image, (0,)), lambda: image)
