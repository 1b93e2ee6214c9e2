"""Photographs the right way up: cameras store how they were held (EXIF 2.32, tag 0x0112), decoders ignore it.

Shapes: H height, W width, C channels.
"""

import tensorflow as tf

HEAD = 4096  # bytes that are searched: the tag stands in the first directory, at the file's beginning
ENTRIES = 64  # of that directory that are read
TAG = 0x0112


def exif_orientation(encoded):
    """How an encoded image is stored: int32 scalar in 1..8; 1 (upright) where it does not say.

    Args:
        encoded: scalar string, a JPEG or anything else. Only JPEG files carry it here.

    Example:
        >>> int(exif_orientation(tf.io.encode_jpeg(tf.zeros((2, 3, 3), "uint8"))))
        1
    """
    head = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 0, HEAD), tf.uint8), "int32")
    head = tf.pad(head, [[0, HEAD - tf.size(head)]])
    is_mark = tf.ones((HEAD - 5,), "bool")
    for i, letter in enumerate(b"Exif\0\0"):
        is_mark &= head[i : HEAD - 5 + i] == letter
    start = tf.cast(tf.argmax(tf.cast(is_mark, "int32")), "int32") + 6
    little_endian = head[tf.minimum(start, HEAD - 1)] == ord("I")

    def number(places, size):
        """Unsigned numbers of `size` bytes at `places`."""
        order = tf.range(size)
        order = tf.where(little_endian, order, size - 1 - order)
        digits = tf.gather(head, tf.clip_by_value(places[..., None] + order, 0, HEAD - 1))
        return tf.reduce_sum(digits * [256**i for i in range(size)], -1)

    directory = start + tf.clip_by_value(number(start + 4, 4), 0, HEAD)
    entries = directory + 2 + 12 * tf.range(ENTRIES)
    found = (number(entries, 2) == TAG) & (tf.range(ENTRIES) < number(directory, 2))
    value = tf.reduce_max(tf.where(found, number(entries + 8, 2), 1))
    is_jpeg = (head[0] == 0xFF) & (head[1] == 0xD8)
    valid = is_jpeg & tf.reduce_any(is_mark) & (value >= 1) & (value <= 8)
    return tf.where(valid, value, 1)


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
