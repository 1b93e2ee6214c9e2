"""The form in which `zoo.datasets` hands out texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class TextDataset:
    """Examples and their labels. Unpacks like a pair, `x, y = rated_sentences("tweets")`, for `fit(x, y)`.

    Attributes:
        examples: N strings, pairs of strings, lists of words, or {"question", "context"} dicts.
        labels: what belongs to each: int32 [N] positions in `label_names`, numbers float32 [N], lists of
            names, or answers; None of texts without labels.
        label_names: one name a class; empty where the labels are no classes.
        name: the data set, for example "rated_tweets".
        split: the part of it, for example "test".
        licence: under which the texts may be used; "" where the files do not say.
    """

    examples: Sequence[Any] = field(repr=False)
    labels: Sequence[Any] | np.ndarray | None = field(repr=False)
    label_names: tuple[str, ...] = ()
    name: str = ""
    split: str = ""
    licence: str = ""

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.examples, self.labels))

    def part(self, chosen: Sequence[bool] | np.ndarray, split: str) -> TextDataset:
        """The examples where `chosen`, bool [N], is true."""
        index = np.flatnonzero(chosen)
        examples, labels = [self.examples[i] for i in index], self.labels
        if labels is not None:
            labels = labels[index] if isinstance(labels, np.ndarray) else [labels[i] for i in index]
        return TextDataset(examples, labels, self.label_names, self.name, split, self.licence)


def text_hash(text: str) -> int:
    """The SHA-256 of a text as a number: decides its fold, whatever else the data set holds.

    Example:
        >>> text_hash("a film") % 5
        2
    """
    return int(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), 16)


def held_out(keys: Sequence[str], fraction: float, seed: int = 0) -> np.ndarray:
    """bool [N]: about `fraction` of the examples, chosen by their text; equal texts stay together."""
    limit = round(fraction * 10_000)
    return np.array([text_hash(f"{seed}:{key}") % 10_000 < limit for key in keys], bool)


def class_numbers(names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """(int32 [N], the distinct names in sorted order) of N names."""
    label_names = tuple(sorted(set(names)))
    index = {name: i for i, name in enumerate(label_names)}
    return np.array([index[name] for name in names], "int32"), label_names
