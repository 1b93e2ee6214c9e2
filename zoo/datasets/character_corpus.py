"""The first 1.1 million characters of the plays of Shakespeare: a small corpus for character models."""

import os

from zoo.datasets.shakespeare import TextCorpus, shakespeare

CHARACTERS = 1_115_394  # as many as the corpus that small models of English are usually compared on
SPLITS = ("train", "validation")


def shakespeare_1mb(split: str = "train", root: str | os.PathLike | None = None) -> TextCorpus:
    """One document of the plays in alphabetical order: the first 90 % to train on, the rest for validation.

    Args:
        split: "train" or "validation".
        root: see `zoo.datasets.shakespeare`.

    Raises:
        ValueError: `split` is unknown.
        FileNotFoundError: the plays are nowhere and cannot be fetched.

    Example:
        >>> len(shakespeare_1mb("validation").texts[0])  # doctest: +SKIP
        111540
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {SPLITS}, found {split!r}")
    whole = shakespeare("all", root)
    text = "".join(whole.texts)[:CHARACTERS]
    cut = int(0.9 * len(text))
    text = text[:cut] if split == "train" else text[cut:]
    return TextCorpus([text], ["plays"], "shakespeare_1mb", split, whole.licence)
