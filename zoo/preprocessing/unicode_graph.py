"""Valid UTF-8 in a graph, and what it never has in it."""

import functools

import tensorflow as tf

CUT = b"\xff"  # between parts of a text: no byte of valid UTF-8
VALID = r"[\x{00}-\x{d7ff}\x{e000}-\x{10ffff}]*"  # any UTF-8


def valid_unicode(texts):
    """Strings [N] with U+FFFD in the place of invalid UTF-8, which few have."""
    good = tf.reduce_all(tf.strings.regex_full_match(texts, VALID))
    mend = functools.partial(tf.strings.unicode_transcode, texts, "UTF-8", "UTF-8", errors="replace")
    return tf.cond(good, lambda: texts, mend)
