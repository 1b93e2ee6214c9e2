"""What the recipe `prompts.voices` learns from: telephone prompts, and sentences by synthetic voices."""

from __future__ import annotations

import os
import re
from pathlib import Path

from zoo.datasets.array_dataset import check_split
from zoo.datasets.audio_dataset import AudioDataset
from zoo.datasets.phone_prompts import SPLITS, phone_prompts
from zoo.datasets.rated_sentences import FILES, rated_sentences
from zoo.datasets.synthetic_speech import spoken_once
from zoo.datasets.text_dataset import text_hash

NATURAL = ("piper:joe*1.3", "flite:slt", "piper:joe*1.45", "piper:joe")  # each says all training prompts
VOICES = (  # they take turns at the sentences
    *NATURAL,
    "piper:joe*1.15",
    "flite:slt*1.1",
    "festival:cmu_us_slt_arctic_hts",
    "flite:rms*1.2",
    "piper:joe*1.4",
    "flite:awb*1.2",
    "flite:slt*0.95",
    "festival:kal_diphone*1.3",
)
SENTENCES = 4800
LONGEST = 32.0  # seconds; one prompt of a minute would set the size of its whole batch
LICENCE_OF_TEXTS = "the sentences are their authors', collected under MIT; voices BSD-like and CC0"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z ,;'-]*[.!?]?")


def prompts_english(
    split: str = "train",
    root: str | os.PathLike | None = None,
    spoken: str | os.PathLike | None = None,
    repeats: int = 6,
) -> AudioDataset:
    """Telephone prompts by one human speaker and, for training, sentences by synthetic voices.

    | split        | what                                                                             |
    |--------------|----------------------------------------------------------------------------------|
    | "train"      | "train" of `phone_prompts`, `repeats` times; its texts by four voices; 4,800     |
    |              | plain sentences of film and product reviews, editorials and tweets by twelve     |
    | "validation" | "validation" of `phone_prompts`                                                  |
    | "test"       | "test" of `phone_prompts`: texts that none of the others holds                   |

    The first call for "train" speaks the sentences, 7 hours of sound in 20 minutes on two cores; a
    call that was broken off goes on. It needs flite, festival with festvox-us-slt-hts and festvox-kallpc16k,
    and `pip install piper-tts`.

    Args:
        split: one of the splits above.
        root: as of `phone_prompts`.
        spoken: folder for the synthetic recordings; by default in the cache of downloads.
        repeats: of the human recordings in "train".

    Raises:
        ValueError: unknown split.
        FileNotFoundError: the prompts or a program are missing.
    """
    check_split(split, SPLITS[:3])
    if split != "train":
        return phone_prompts(split, root)
    human = phone_prompts(split, root, seconds=(0, LONGEST))
    parts = [human] * repeats
    for name, texts, voices, each in (
        ("prompts", sorted(set(human.texts)), NATURAL, True),
        ("sentences", sentences(), VOICES, False),
    ):
        out = spoken and Path(spoken, name)
        parts.append(spoken_once(f"prompts_english/{name}", texts, voices, each, out))
    names = ("audio", "texts", "speakers")
    columns = ([row for part in parts for row in getattr(part, name)] for name in names)
    return AudioDataset(*columns, "prompts_english", split, f"{human.licence}; {LICENCE_OF_TEXTS}")


def sentences(count: int = SENTENCES) -> list[str]:
    """`count` sentences of 4 to 22 plain words from `rated_sentences`, in an order without meaning."""
    texts = {}
    for kind in FILES:
        for split in ("train+validation", "test"):
            for text in rated_sentences(kind, split, ratings=True).examples:
                plain = " ".join(text.split()).strip("' -\"")
                if _PLAIN.fullmatch(plain) and 4 <= len(plain.split()) <= 22:
                    texts[plain] = text_hash(plain)
    return sorted(texts, key=texts.get)[:count]
