"""Raw images, in any shape people have them, to one tf.data.Dataset of single images.

Shapes: N images, H and W height and width of a raw image, C its channels.
"""

import os
import pathlib
import re

import numpy as np
import tensorflow as tf

from zoo.preprocessing.row_checks import check_row

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")


def image_dataset(x, name="x"):
    """A dataset of raw images, one an element, and how many there are.

    Args:
        x: numeric array [N, H, W, C] or grey [N, H, W], uint8 or float in 0..255; a list of file paths,
            of encoded bytes, or of arrays [H, W] or [H, W, C] that may differ in size; a path; or a
            tf.data.Dataset of any of these, batched or not, without labels.
        name: what error messages call it.

    Returns: (dataset, count). Elements are scalar strings (encoded bytes) or numeric [H, W, C]; count is an
    int, or None for an endless dataset; a dataset that does not know its length is counted by one pass.

    Raises: ValueError with the argument, what was expected, what was found and the row. The pixels of a
    dataset are checked while it runs: see `failed_check`.
    """
    if isinstance(x, tf.data.Dataset):
        return _from_dataset(x, name)
    if isinstance(x, (str, os.PathLike, bytes)):
        x = [x]
    if isinstance(x, (list, tuple)):
        return _from_list(list(x), name)
    return _from_array(np.asarray(x), name)


def _from_array(array, name):
    if array.dtype.kind in "SUO":
        return _from_list(array.ravel().tolist(), name)
    if array.size == 0:
        raise ValueError(f"{name}: expected at least one image, found shape {array.shape}")
    if array.ndim == 3 and array.shape[-1] > 4:
        array = array[..., None]
    if array.ndim != 4:
        raise ValueError(
            f"{name}: expected images [N, H, W, C], found shape {array.shape}; "
            "for one image pass a list of it: [image]"
        )
    array = _checked_pixels(array, name)
    return tf.data.Dataset.from_tensor_slices(array), len(array)


def _checked_pixels(array, name):
    """Numbers in 0..255 of a dtype that TensorFlow resizes; refuses NaN, wrong ranges and channels."""
    if array.shape[-1] not in (1, 2, 3, 4):
        raise ValueError(
            f"{name}: expected 1 (grey), 3 (colour) or 2 and 4 (with alpha) channels last, "
            f"found {array.shape[-1]} in shape {array.shape}"
        )
    if array.dtype == bool:
        raise ValueError(f"{name}: expected pixels in 0..255, found bool; multiply by 255")
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: expected uint8 or float pixels, found dtype {array.dtype}")
    array = array.astype("float32")
    finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not finite.all():
        raise ValueError(f"{name}: expected finite pixels, found NaN or infinity in row {np.argmin(finite)}")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 255:
        raise ValueError(f"{name}: expected pixels in 0..255, found values from {low:g} to {high:g}")
    if 0 < high <= 1:
        raise ValueError(
            f"{name}: expected pixels in 0..255, found floats up to {high:g}, which look like 0..1; "
            "multiply by 255"
        )
    return array


def _from_list(items, name):
    if not items:
        raise ValueError(f"{name}: expected at least one image, found an empty list")
    is_text = [isinstance(item, (str, os.PathLike, bytes)) for item in items]
    if not any(is_text):
        return _from_arrays(items, name)
    if not all(is_text):
        row = is_text.index(False)
        raise ValueError(
            f"{name}: expected paths or bytes throughout, found {type(items[row]).__name__} in row {row}"
        )
    for row, item in enumerate(items):
        if not isinstance(item, bytes) and not pathlib.Path(item).is_file():
            raise ValueError(f"{name}: expected a file in row {row}, found none at {os.fspath(item)!r}")
    is_path = [not isinstance(item, bytes) for item in items]
    strings = [item if isinstance(item, bytes) else os.fspath(item) for item in items]
    dataset = tf.data.Dataset.from_tensor_slices((strings, is_path))
    return dataset.map(_read, num_parallel_calls=tf.data.AUTOTUNE), len(items)


def _read(string, is_path):
    return tf.cond(is_path, lambda: tf.io.read_file(string), lambda: string)


def _from_arrays(items, name):
    arrays = [np.asarray(item) for item in items]
    for row, array in enumerate(arrays):
        if array.ndim == 2:
            array = array[..., None]
        if array.ndim != 3 or array.size == 0:
            raise ValueError(
                f"{name}: expected an image [H, W] or [H, W, C] in row {row}, found shape {array.shape}"
            )
        arrays[row] = _checked_pixels(array[None], f"{name}[{row}]")[0]
    if len({array.shape for array in arrays}) == 1:
        return tf.data.Dataset.from_tensor_slices(np.stack(arrays)), len(arrays)
    channels = {array.shape[-1] for array in arrays}
    if len(channels) > 1:
        raise ValueError(f"{name}: expected one number of channels, found {sorted(channels)}")
    spec = tf.TensorSpec((None, None, channels.pop()), "float32")
    dataset = tf.data.Dataset.from_generator(lambda: iter(arrays), output_signature=spec)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(arrays))), len(arrays)


def _from_dataset(dataset, name):
    spec = dataset.element_spec
    if not isinstance(spec, tf.TensorSpec):
        raise ValueError(f"{name}: expected a dataset of images, found elements {spec}")
    single = 0 if spec.dtype == tf.string else 3
    if spec.shape.rank == single + 1:
        dataset = dataset.unbatch()
    elif spec.shape.rank != single:
        raise ValueError(
            f"{name}: expected a dataset of strings or of images [H, W, C], batched or not, found {spec}"
        )
    if spec.dtype != tf.string:
        _check_spec(spec, name)
    count = int(dataset.cardinality())
    if count == tf.data.UNKNOWN_CARDINALITY:
        count = int(dataset.reduce(np.int64(0), lambda seen, _: seen + 1))
    if count == 0:
        raise ValueError(f"{name}: expected at least one image, found an empty dataset")
    if spec.dtype == tf.string:
        dataset = dataset.map(_read_unless_encoded, num_parallel_calls=tf.data.AUTOTUNE)
    elif spec.dtype != tf.uint8:
        dataset = dataset.map(lambda image: _checked_row(image, name), num_parallel_calls=tf.data.AUTOTUNE)
    return dataset, count if count > 0 else None


def _check_spec(spec, name):
    """Refuses images whose type or number of channels is wrong whatever their pixels are."""
    if spec.shape[-1] not in (None, 1, 2, 3, 4):
        raise ValueError(
            f"{name}: expected 1 (grey), 3 (colour) or 2 and 4 (with alpha) channels last, "
            f"found {spec.shape[-1]} in {spec}"
        )
    if not (spec.dtype.is_integer or spec.dtype.is_floating):
        raise ValueError(f"{name}: expected pixels in 0..255, found {spec.dtype.name}")


def _checked_row(image, name):
    """One image of a dataset; its pixels are looked at when it comes by."""
    pixels = tf.cast(image, "float32")
    finite = tf.reduce_all(tf.math.is_finite(pixels))
    low, high = tf.reduce_min(pixels), tf.reduce_max(pixels)
    inside = tf.reduce_all((pixels >= 0) & (pixels <= 255)) | ~finite
    checks = [
        check_row(finite, f"{name}: expected finite pixels, found", "NaN or infinity"),
        check_row(inside, f"{name}: expected pixels in 0..255, found values from", low, "to", high),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(image)


def _read_unless_encoded(string):
    starts = [tf.equal(tf.strings.substr(string, 0, len(magic)), magic) for magic in _MAGIC]
    return _read(string, tf.logical_not(tf.reduce_any(starts)))


def find_bad_image(x, preprocessor, name="x"):
    """Looks for the image that cannot be decoded: a ValueError that names it, or None if all can.

    Called after a pipeline failed, since an error from inside tf.data does not say which file it was.
    """
    if isinstance(x, (str, os.PathLike, bytes)):
        x = [x]
    if not isinstance(x, (list, tuple, np.ndarray)):
        return None
    for row, item in enumerate(x):
        if not isinstance(item, (str, os.PathLike, bytes)):
            continue
        try:
            encoded = item if isinstance(item, bytes) else pathlib.Path(item).read_bytes()
            preprocessor.resize(preprocessor.decode(encoded))
        except (tf.errors.InvalidArgumentError, ValueError, OSError) as error:
            what = "bytes" if isinstance(item, bytes) else repr(os.fspath(item))
            reason = str(getattr(error, "message", error)).split("[Op:")[0].split("} ")[-1].strip()
            return ValueError(
                f"{name}: expected a JPEG, PNG, BMP or GIF in row {row}, found {what}: {reason}"
            )
    return None


def unreadable_image(error, name="x"):
    """The ValueError for an image of a dataset that could not be read, from TensorFlow's `error`, or None."""
    match = re.search(r"([^\n]*)\n\t \[\[.*(DecodeImage|ReadFile)\}\}", str(error.message))
    if match is None:
        return None
    reason = re.sub(r".*Iterator::\S*: ", "", match[1].split("}} ")[-1]).strip()
    return ValueError(
        f"{name}: expected a dataset of JPEG, PNG, BMP or GIF, found one that is none: {reason}"
    )
