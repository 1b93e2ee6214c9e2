"""Checks of what a data pipeline yields, and the way from the error they end in back to a ValueError.

What comes as a tf.data.Dataset is not there before the pipeline runs, so it is checked row by row in it.
"""

import re

import tensorflow as tf

_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def check_row(condition, *words):
    """The operation that ends the pipeline with `words`, strings and tensors, unless `condition` holds."""
    return tf.debugging.Assert(condition, words)


def failed_check(error):
    """The ValueError of the `check_row` that ended in TensorFlow's `error`; None for any other failure.

    Example:
        >>> rows = tf.data.Dataset.range(2).map(lambda n: (check_row(n < 1, "y: expected 0, found", n), n)[1])
        >>> try:
        ...     list(rows)
        ... except tf.errors.InvalidArgumentError as error:
        ...     print(failed_check(error))
        y: expected 0, found 1
    """
    match = re.search(r"assertion failed: \[(.+)\]", str(error.message))
    return match and ValueError(_unescaped(match[1].replace("] [", " ")))


def _unescaped(text):
    """A string as it was before TensorFlow wrote its quotes and ends of lines with backslashes."""
    return re.sub(r"\\([nrt'\"\\])", lambda found: _ESCAPED.get(found[1], found[1]), text)
