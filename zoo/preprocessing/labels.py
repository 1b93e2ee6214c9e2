"""Class labels, as numbers, names or probabilities, to training targets.

Shapes: N examples, K classes.
"""

import numpy as np
import tensorflow as tf

from zoo.preprocessing.row_checks import check_row


def check_label_names(labels):
    """A tuple of K distinct, non-empty names; ValueError otherwise."""
    if isinstance(labels, (str, bytes)) or not hasattr(labels, "__iter__"):
        raise ValueError(f"labels: expected a list of names, found {labels!r:.60}")
    names = tuple(str(label) for label in labels)
    if not all(names):
        raise ValueError(f"labels: expected names, found an empty one at {names.index('')}")
    if len(names) < 2:
        raise ValueError(f"labels: expected at least 2 classes, found {list(names)}")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"labels: expected distinct names, found {twice} more than once")
    return names


def encode_labels(y, names, count=None, one_hot=True):
    """A tf.data.Dataset of targets, one an example.

    Args:
        y: class numbers [N], names [N], probabilities [N, K], or a tf.data.Dataset of any one of them.
        names: the K label names.
        count: N, where known; a different length is an error.
        one_hot: give float32 [K] rows; class numbers, int32, otherwise.

    Raises: ValueError with the first label that is out of range or unknown and its row.
    """
    if isinstance(y, tf.data.Dataset):
        return _encode_dataset(y, names, one_hot)
    targets = _targets(y, names, count)
    if targets.ndim == 2:
        return tf.data.Dataset.from_tensor_slices(targets if one_hot else targets.argmax(1).astype("int32"))
    data = tf.data.Dataset.from_tensor_slices(targets)
    return data.map(lambda n: tf.one_hot(n, len(names))) if one_hot else data


def one_hot_labels(y, names, count=None):
    """Labels, as `encode_labels` takes them but for a tf.data.Dataset, to targets float32 [N, K].

    Example:
        >>> one_hot_labels(["no", "yes"], ("yes", "no")).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    targets = _targets(y, names, count)
    return targets if targets.ndim == 2 else np.eye(len(names), dtype="float32")[targets]


def _targets(y, names, count):
    """Probabilities float32 [N, K], or class numbers int32 [N]."""
    y = np.asarray(y)
    if y.ndim == 0:
        raise ValueError(f"y: expected labels, one for each row of x, found {y!r}")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if count is not None and len(y) != count:
        raise ValueError(f"y: expected {count} labels, one for each row of x, found {len(y)}")
    return _check_probabilities(y, names) if y.ndim == 2 else _numbers(y, names)


def _numbers(y, names):
    if y.ndim != 1:
        raise ValueError(f"labels: expected shape [N] or [N, {len(names)}], found {y.shape}")
    advice = (
        f" The application has the {len(names)} labels {_ends(names)}; pass labels=[...] to from_pretrained "
        "to train on others."
    )
    if y.dtype.kind in "USO":
        index = {name: i for i, name in enumerate(names)}
        y = [label.decode() if isinstance(label, bytes) else label for label in y.tolist()]
        for row, label in enumerate(y):
            if label is None or label != label:
                raise ValueError(f"labels: expected a label at row {row}, found {label}")
        y = [str(label) for label in y]
        for row, label in enumerate(y):
            if label not in index:
                raise ValueError(f"labels: expected known names, found {label!r} at row {row}.{advice}")
        return np.array([index[label] for label in y], "int32")
    bad = ~np.isfinite(y) | (y != np.floor(y)) if y.dtype.kind == "f" else np.zeros(len(y), bool)
    bad |= (y < 0) | (y >= len(names))
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"labels: expected integers in [0, {len(names)}), found {y[row]} at row {row}.{advice}"
        )
    return y.astype("int32")


def _check_probabilities(y, names):
    if y.shape[1] != len(names):
        raise ValueError(f"labels: expected rows of {len(names)} probabilities, found shape {y.shape}")
    y = y.astype("float32")
    bad = ~np.isclose(y.sum(axis=1), 1.0, atol=1e-3) | (y < 0).any(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"labels: expected rows of probabilities that sum to 1, found {y[row]} at row {row}")
    return y


def _encode_dataset(y, names, one_hot):
    spec = y.element_spec
    if spec.dtype.is_floating and spec.shape.rank and spec.shape[-1] not in (None, len(names)):
        raise ValueError(f"labels: expected rows of {len(names)} probabilities, found a dataset of {spec}")
    single = 1 if spec.dtype.is_floating and spec.shape.rank != 0 else 0
    if spec.shape.rank == single + 1:
        y = y.unbatch()
    if single:
        y = y.map(_checked_probabilities)
        return y if one_hot else y.map(lambda row: tf.argmax(row, output_type="int32"))
    table = None
    if spec.dtype == tf.string:
        keys = tf.lookup.KeyValueTensorInitializer(list(names), list(range(len(names))), value_dtype="int32")
        table = tf.lookup.StaticHashTable(keys, default_value=-1)

    def encode(label):
        number = tf.cast(label, "int32") if table is None else table.lookup(label)
        known = (number >= 0) & (number < len(names))
        if spec.dtype.is_floating:
            known &= tf.equal(tf.cast(number, label.dtype), label)
        message = f"labels: expected one of the {len(names)} labels {_ends(names)}, found"
        with tf.control_dependencies([check_row(known, message, label)]):
            return tf.one_hot(number, len(names)) if one_hot else tf.identity(number)

    return y.map(encode)


def _checked_probabilities(row):
    is_one = (tf.abs(tf.reduce_sum(row) - 1) <= 1e-3) & tf.reduce_all(row >= 0)
    message = "labels: expected rows of probabilities that sum to 1, found"
    with tf.control_dependencies([check_row(is_one, message, row)]):
        return tf.identity(row)


def _ends(names):
    return str(list(names)) if len(names) < 4 else f"[{names[0]!r}, ..., {names[-1]!r}]"
