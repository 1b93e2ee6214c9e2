"""The form in which `zoo.datasets` hands out images that fit in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True, eq=False)
class ArrayDataset:
    """Images and labels as NumPy arrays, with where they come from.

    Unpacks like a pair, `x, y = fashion_mnist("test")`, so it goes into `fit(x, y)` as it stands.

    Attributes:
        images: uint8 [N, H, W, C], raw pixels 0..255.
        labels: int32 [N], each a position in `label_names`.
        label_names: one name a class, for people.
        name: the data set, for example "fashion_mnist".
        split: the part of it, for example "test".
        licence: under which the images may be used.
        indices: int64 [N], position of each image in the source's own file.

    Example:
        >>> from zoo.datasets import fashion_mnist
        >>> images, labels = fashion_mnist("sample")
        >>> images.shape, labels.dtype.name
        ((500, 28, 28, 1), 'int32')
    """

    images: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    label_names: tuple[str, ...]
    name: str
    split: str
    licence: str
    indices: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.images, self.labels))

    def as_tf(self) -> tf.data.Dataset:
        """A `tf.data.Dataset` of N pairs (image uint8 [H, W, C], label int32 []), unbatched, in order."""
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices((self.images, self.labels))


def check_split(split: str, splits: tuple[str, ...]) -> None:
    """Raises ValueError unless `split` is one of `splits`."""
    if split not in splits:
        raise ValueError(f"split: expected one of {', '.join(map(repr, splits))}, found {split!r}.")


def check_digest(array: np.ndarray, expected: str, source: str, advice: str) -> None:
    """Raises ValueError unless the sha256 of the array's bytes is `expected`."""
    found = hashlib.sha256(np.ascontiguousarray(array)).hexdigest()
    if found != expected:
        raise ValueError(
            f"{source}: the data is damaged: expected sha256 {expected} of the array, found {found}. {advice}"
        )
