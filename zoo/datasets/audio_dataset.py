"""The form in which `zoo.datasets` hands out recordings with their transcripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class AudioDataset:
    """Recordings and what is said in them, with where they come from.

    Unpacks like a pair, `audio, texts = phone_prompts("test")`, so it goes into `fit(x, y)` as it stands.

    Attributes:
        audio: N paths, or pairs (float32 samples [n] in -1..1, sample rate).
        texts: N transcripts.
        speakers: N names, or "".
        name: the data set, for example "phone_prompts".
        split: the part of it, for example "test".
        licence: under which the recordings may be used.
    """

    audio: list[Any] = field(repr=False)
    texts: list[str] = field(repr=False)
    speakers: list[str] = field(repr=False)
    name: str
    split: str
    licence: str

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[list]:
        return iter((self.audio, self.texts))
