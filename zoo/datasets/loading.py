"""From what a command line names to a data set."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from zoo.datasets.array_dataset import ArrayDataset
from zoo.datasets.audio_dataset import AudioDataset
from zoo.datasets.brown_tags import brown_tags
from zoo.datasets.character_corpus import shakespeare_1mb
from zoo.datasets.digit_voices import digit_voices
from zoo.datasets.digits import digits
from zoo.datasets.fashion_mnist import fashion_mnist
from zoo.datasets.image_folder import FileDataset, image_folder
from zoo.datasets.phone_prompts import phone_prompts
from zoo.datasets.prompts_english import prompts_english
from zoo.datasets.rated_sentences import FILES as RATED
from zoo.datasets.rated_sentences import FOLDS, rated_sentences
from zoo.datasets.shakespeare import shakespeare
from zoo.datasets.speech_files import holds_speech, read_speech
from zoo.datasets.spoken_digits import digit_strings
from zoo.datasets.text_dataset import TextDataset
from zoo.datasets.text_files import SUFFIXES, read_texts

NAMES = (
    "brown_tags",
    "digit_strings",
    "digit_voices",
    "digits",
    "fashion_mnist",
    "phone_prompts",
    "prompts_english",
    *(f"rated_{kind}" for kind in RATED),
    "shakespeare",
    "shakespeare_1mb",
)


def load(
    name_or_path: str | os.PathLike,
    split: str | None = None,
    *,
    root: str | os.PathLike | None = None,
    validation_fraction: float = 0.0,
    seed: int = 0,
) -> ArrayDataset | AudioDataset | FileDataset | TextDataset:
    """A data set by its name, or files by their path.

    Args:
        name_or_path: "digits", "fashion_mnist", "rated_movies" ("rated_movies:3" tests on its fold 3, 0 is
            the default), "digit_voices:theo" (tests on that speaker alone), "brown_tags", ...; a folder of
            class folders of images or of .txt files; a file of texts (.csv, .tsv, .jsonl, .conll, .json of
            SQuAD); recordings with transcripts as `read_speech` takes them. A folder named like a data set
            is "./digits".
        split: see the data set; None is "train" of a named one and all images of a folder.
        root: folder under which Debian packages are unpacked, see `fashion_mnist`.
        validation_fraction, seed: how a folder is split, see `image_folder`.

    Returns:
        A data set of its kind; all unpack into (x, labels).

    Raises:
        ValueError: neither a known name nor a folder; near names are suggested.
        FileNotFoundError: a path, but there is nothing.

    Example:
        >>> len(load("digits", "test"))
        360
    """
    name = os.fspath(name_or_path)
    if name == "digits":
        return digits(split or "train")
    strings, _, speaker = name.partition(":")
    if strings in ("digit_strings", "digit_voices"):
        read = digit_strings if strings == "digit_strings" else digit_voices
        return read(split or "train", root, speaker or None)
    if name == "phone_prompts":
        return phone_prompts(split or "train", root)
    if name == "prompts_english":
        return prompts_english(split or "train", root)
    if name == "fashion_mnist":
        return fashion_mnist(split or "train", root=root)
    if name == "shakespeare":
        return shakespeare(split or "train", root=root)
    if name == "shakespeare_1mb":
        return shakespeare_1mb(split or "train", root)
    if name == "brown_tags":
        return brown_tags(split or "train")
    kind, _, fold = name.partition(":")
    if kind.startswith("rated_") and kind in NAMES:
        if fold not in ("", *map(str, range(FOLDS))):
            raise ValueError(
                f"name_or_path: expected {kind}:FOLD with FOLD in 0..{FOLDS - 1}, found {name!r}"
            )
        return rated_sentences(kind.removeprefix("rated_"), split or "train", int(fold or 0))
    if holds_speech(name):
        return read_speech(name, split, validation_fraction, seed)
    if Path(name).suffix.lower() in SUFFIXES or _holds_texts(Path(name)):
        return read_texts(name, split, validation_fraction, seed)
    if Path(name).is_file():
        raise ValueError(
            f"name_or_path: expected a folder, or a file that ends with one of {', '.join(SUFFIXES)}, found "
            f"{name!r}"
        )
    if Path(name).exists() or len(Path(name).parts) > 1:
        return image_folder(name, split, validation_fraction, seed)
    near = difflib.get_close_matches(name.lower().replace("-", "_"), NAMES, n=2, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise ValueError(
        f"name_or_path: expected one of {', '.join(map(repr, NAMES))} or a folder of class folders, "
        f"found {name!r}.{hint}"
    )


def _holds_texts(folder: Path) -> bool:
    """Whether `folder` or its class folders hold .txt files."""
    return folder.is_dir() and any(any(folder.glob(files)) for files in ("*.txt", "[!.]*/**/*.txt"))
