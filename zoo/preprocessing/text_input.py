"""Raw texts, in any shape people have them, to lists of strings; and batches of texts of like length.

Shapes: N examples, B batch, T time.
"""

import math
import os
import random

import numpy as np
import tensorflow as tf

WINDOW = 50  # batches among which texts are sorted by length
CALL = 128  # a batch more costs about as much as this many tokens more


def text_list(x, name="x"):
    """A list of N texts, str or bytes.

    Args:
        x: a list, tuple, NumPy array or other sequence (a pandas column) of strings, one string, or a
            finite tf.data.Dataset of strings, batched or not, without labels.
        name: what error messages call it.

    Raises: ValueError with the argument, what was expected, what was found and the row.

    Example:
        >>> text_list(np.array(["good", "bad"]))
        ['good', 'bad']
    """
    rows = sequence(x, name)
    for row, text in enumerate(rows):
        if not isinstance(text, (str, bytes)):
            found = (
                "an empty cell (NaN)" if isinstance(text, float) else f"{type(text).__name__} {text!r:.60}"
            )
            raise ValueError(f"{name}: expected a string in row {row}, found {found}")
    return rows


def pair_lists(x, name="x"):
    """Two lists of N texts: the first and the second ones.

    Args:
        x: a list of pairs of strings, an array [N, 2], or a finite tf.data.Dataset of such pairs.
        name: what error messages call it.

    Example:
        >>> pair_lists([("a film", "a movie")])
        (['a film'], ['a movie'])
    """
    if isinstance(x, tuple) and len(x) == 2 and all(isinstance(text, str) for text in x):
        x = [x]
    rows = sequence(x, name)
    for row, pair in enumerate(rows):
        if not (
            isinstance(pair, (list, tuple, np.ndarray))
            and len(pair) == 2
            and all(isinstance(text, (str, bytes)) for text in pair)
        ):
            raise ValueError(f"{name}: expected two strings in row {row}, found {pair!r:.80}")
    return [pair[0] for pair in rows], [pair[1] for pair in rows]


def sequence(x, name):
    """A list of N examples: of a list, an array, another sequence or a dataset of strings."""
    if isinstance(x, (str, bytes)):
        return [x]
    if isinstance(x, tf.data.Dataset):
        return _from_dataset(x, name)
    if isinstance(x, (dict, os.PathLike)) or not hasattr(x, "__len__") or not hasattr(x, "__iter__"):
        raise ValueError(f"{name}: expected a list of texts, found {type(x).__name__}")
    rows = x.tolist() if isinstance(x, np.ndarray) else x.numpy().tolist() if tf.is_tensor(x) else list(x)
    if not rows:
        raise ValueError(f"{name}: expected at least one text, found an empty {type(x).__name__}")
    return rows


def _from_dataset(data, name):
    spec = data.element_spec
    if not isinstance(spec, tf.TensorSpec) or spec.dtype != tf.string or spec.shape.rank not in (0, 1, 2):
        raise ValueError(f"{name}: expected a dataset of strings, found elements {spec}")
    if data.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(f"{name}: expected a dataset that ends, found an endless one")
    rows = [row for element in data.as_numpy_iterator() for row in np.atleast_1d(element).tolist()]
    if not rows:
        raise ValueError(f"{name}: expected at least one text, found an empty dataset")
    return rows


def split_dataset(x, y):
    """(x, y, sample_weight) of a tf.data.Dataset that holds all three; other x and y as they are."""
    if not isinstance(x, tf.data.Dataset) or not isinstance(x.element_spec, tuple):
        return x, y, None
    if y is not None:
        raise ValueError("y: expected None, since x is a dataset that holds the labels, found labels")
    parts = [[] for _ in x.element_spec]
    batched = _is_batched(x.element_spec)
    for element in x.as_numpy_iterator():
        for part, value in zip(parts, element, strict=True):
            part.extend(
                value.tolist() if batched else [value.tolist() if hasattr(value, "tolist") else value]
            )
    return (*parts, None)[:3] if len(parts) < 3 else tuple(parts)


def _is_batched(spec):
    """Whether every part has a batch axis: a rank of 1 for strings, of labels at least that."""
    return spec[0].shape.rank >= 1 and all(
        part.shape.rank >= 1 and part.shape[0] == spec[0].shape[0] for part in spec
    )


def like_lengths(lengths, batch_size):
    """Row numbers of batches of at most `batch_size` rows of about the same length, the longest first.

    A batch is cut in two wherever that saves more than `CALL` tokens of padding.

    Args:
        lengths: int [N], in tokens.
        batch_size: the most rows of one batch.

    Returns: a list of int arrays; together each of the N numbers once.

    Example:
        >>> [rows.tolist() for rows in like_lengths(np.array([9, 200, 8]), 32)]
        [[1], [0, 2]]
    """
    order = np.argsort(-lengths, kind="stable")
    return [
        part for i in range(0, len(order), batch_size) for part in _cut(lengths, order[i : i + batch_size])
    ]


def _cut(lengths, rows):
    """`rows`, longest first, as one batch or several."""
    saved = (lengths[rows[0]] - lengths[rows]) * (len(rows) - np.arange(len(rows)))  # by a cut before each
    place = int(np.argmax(saved))
    if saved[place] <= CALL:
        return [rows]
    return [*_cut(lengths, rows[:place]), *_cut(lengths, rows[place:])]


def batches(lengths, make, signature, batch_size, shuffle=False, drop_remainder=False, seeds=False):
    """A tf.data.Dataset of batches of rows that have about the same length.

    Args:
        lengths: int [N], in tokens.
        make: from row numbers int [B] to a structure of NumPy arrays.
        signature: the `tf.TensorSpec`s of that structure.
        batch_size: B.
        shuffle: draw another order for every pass. Rows are then sorted by length within windows of 50
            batches only; without it over all rows, longest first, so that memory runs out at once if at all.
        drop_remainder: leave out the last rows, where they do not fill a batch.
        seeds: call `make` with a random number for each batch too.

    All random numbers are drawn from Python's generator when a pass begins.
    """
    count = len(lengths) // batch_size if drop_remainder else math.ceil(len(lengths) / batch_size)
    specs = tf.nest.flatten(signature)

    def draw(_):
        rng = np.random.default_rng(random.getrandbits(64))  # keras.utils.set_random_seed fixes it
        order = rng.permutation(len(lengths)) if shuffle else np.arange(len(lengths))
        if drop_remainder:
            order = order[: count * batch_size]
        window = WINDOW * batch_size if shuffle else len(order)
        chosen = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            part = part[np.argsort(-lengths[part], kind="stable")]
            chosen += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
        rows = np.full((count, 1 + batch_size), -1, "int64")
        rows[:, 0] = rng.integers(2**62, size=count)
        for i, row in enumerate(rng.permutation(count) if shuffle else range(count)):
            rows[i, 1 : 1 + len(chosen[row])] = chosen[row]
        return rows

    def batch(row):
        arrays = tf.numpy_function(
            lambda row: tf.nest.flatten(make(row[1:][row[1:] >= 0], *row[:seeds])),
            [row],
            [spec.dtype for spec in specs],
        )
        for array, spec in zip(arrays, specs, strict=True):
            array.set_shape(spec.shape)
        return tf.nest.pack_sequence_as(signature, arrays)

    # Not from_generator: it sets a limit in the C library (M_TRIM_THRESHOLD), and then every large tensor is
    # handed back to the system, and training steps spend most of their time in the kernel.
    data = tf.data.Dataset.range(1).flat_map(
        lambda seed: tf.data.Dataset.from_tensor_slices(tf.numpy_function(draw, [seed], tf.int64))
    )
    data = data.map(batch, num_parallel_calls=1)
    return data.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)
