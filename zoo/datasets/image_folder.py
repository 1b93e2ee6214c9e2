"""A folder of class folders as a data set: `photos/cat/1.jpg`, `photos/dog/a/7.png`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
SPLITS = ("train", "validation")


@dataclass(frozen=True, eq=False)
class FileDataset:
    """Image files and their labels. Unpacks like a pair: `paths, labels = image_folder("photos")`.

    Attributes:
        paths: N paths, class by class, sorted within a class.
        labels: int32 [N], each a position in `label_names`.
        label_names: names of the class folders, sorted.
    """

    paths: tuple[str, ...] = field(repr=False)
    labels: np.ndarray = field(repr=False)
    label_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[list[str] | np.ndarray]:
        return iter((list(self.paths), self.labels))


def image_folder(
    path: str | os.PathLike,
    split: str | None = None,
    validation_fraction: float = 0.0,
    seed: int = 0,
) -> FileDataset:
    """The images of a folder that holds one folder a class.

    Files count as images by extension (jpg, jpeg, png, bmp, gif, in any case) at any depth of a class
    folder; others, hidden ones and files that lie beside the class folders are left out. No file is opened.

    Args:
        path: the folder. The names of its subfolders, sorted, become the label names.
        split: None for all images, or "train" or "validation".
        validation_fraction: share in [0, 1) of each class that "validation" gets, rounded, but at least one
            image and not all; a class with a single image stays in "train".
        seed: another seed holds out other images.

    The images held out depend only on the seed and on the paths relative to `path`, so both splits agree
    between runs and machines.

    Returns:
        FileDataset of N paths and labels int32 [N].

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it is not a folder, or has fewer than two class folders, or one without images; or
            `split` and `validation_fraction` do not go together.

    Example:
        >>> paths, labels = image_folder("photos")
        >>> paths, labels.tolist(), image_folder("photos").label_names
        (['photos/cat/1.jpg', 'photos/dog/a/7.png'], [0, 1], ('cat', 'dog'))
    """
    _check_arguments(split, validation_fraction)
    folder = Path(path)
    classes = {name: _images(folder / name) for name in _class_folders(folder)}
    empty = [name for name, images in classes.items() if not images]
    if empty:
        which = "any of its class folders" if len(empty) == len(classes) else _quoted(empty)
        raise ValueError(
            f"path: expected images ({', '.join(EXTENSIONS)}) in every class folder of {folder}, "
            f"found none in {which}."
        )

    paths, labels = [], []
    for label, (name, images) in enumerate(classes.items()):
        if split is not None:
            held_out = _held_out([f"{name}/{image}" for image in images], validation_fraction, seed)
            images = [i for i, held in zip(images, held_out, strict=True) if held == (split == "validation")]
        paths += [str(folder / name / image) for image in images]
        labels += [label] * len(images)
    if not paths:
        raise ValueError(f"split: 'validation' of {folder} is empty: every class has a single image.")
    return FileDataset(tuple(paths), np.array(labels, "int32"), tuple(classes))


def _check_arguments(split: str | None, validation_fraction: float) -> None:
    if split not in (None, *SPLITS):
        raise ValueError(f"split: expected None, 'train' or 'validation', found {split!r}.")
    if not 0 <= validation_fraction < 1:
        raise ValueError(f"validation_fraction: expected a number in [0, 1), found {validation_fraction!r}.")
    if split is None and validation_fraction:
        raise ValueError(
            f"split: expected 'train' or 'validation' with validation_fraction={validation_fraction}, "
            "found None."
        )
    if split == "validation" and not validation_fraction:
        raise ValueError("validation_fraction: expected a number in (0, 1) with split='validation', found 0.")


def _class_folders(folder: Path) -> list[str]:
    """Sorted names of the class folders."""
    if not folder.exists():
        raise FileNotFoundError(f"path: expected a folder of class folders, found nothing at {folder}.")
    if not folder.is_dir():
        raise ValueError(f"path: expected a folder of class folders, found a file: {folder}.")
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not _hidden(entry.name))
    if len(names) < 2:
        loose = sum(entry.suffix.lower() in EXTENSIONS for entry in folder.iterdir())
        found = f"only {names[0]!r}" if names else f"no folder and {loose} images" if loose else "none"
        raise ValueError(
            f"path: expected at least two class folders in {folder}, found {found}. "
            "Put the images of each class in a folder that bears its name."
        )
    if set(names) <= {"train", "validation", "val", "valid", "test"}:
        raise ValueError(
            f"path: expected class folders in {folder}, found the splits {_quoted(names)}. "
            f"Name one of them, for example {folder / names[0]}."
        )
    return names


def _images(folder: Path) -> list[str]:
    """Sorted paths of the images below `folder`, relative to it, with forward slashes."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _hidden(name)]
        found += [
            Path(parent, name).relative_to(folder).as_posix()
            for name in files
            if not _hidden(name) and name.lower().endswith(EXTENSIONS)
        ]
    return sorted(found)


def _held_out(images: list[str], fraction: float, seed: int) -> list[bool]:
    """Which of a class' images belong to validation: those whose hashes come first."""
    count = min(max(round(fraction * len(images)), 1), len(images) - 1) if fraction else 0
    ranked = sorted(images, key=lambda image: hashlib.sha256(os.fsencode(f"{seed}:{image}")).digest())
    chosen = set(ranked[:count])
    return [image in chosen for image in images]


def _hidden(name: str) -> bool:
    return name.startswith(".")


def _quoted(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")
