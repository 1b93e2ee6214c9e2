"""What the recipe `digits.fsdd` learns from: digits by a few people and by synthetic voices."""

from __future__ import annotations

import os

import numpy as np

from zoo.datasets.array_dataset import check_split
from zoo.datasets.audio_dataset import AudioDataset
from zoo.datasets.spoken_digits import LICENCE, SPLITS, digit_strings
from zoo.datasets.synthetic_speech import spoken_once

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VOICES = (  # they take turns at the strings
    "piper:joe",
    "flite:slt",
    "espeak-ng:en-us",
    "flite:rms",
    "piper:joe*1.2",
    "flite:kal16*1.15",
    "espeak-ng:en-gb*1.1",
    "flite:awb",
    "piper:joe*0.88",
    "flite:slt*0.85",
    "espeak-ng:en-gb-scotland*0.9",
    "flite:rms*1.15",
    "piper:joe*1.4",
    "flite:awb*1.2",
    "espeak-ng:en-029*1.2",
    "flite:kal16*0.9",
)
STRINGS = 1600


def digit_voices(
    split: str = "train",
    root: str | os.PathLike | None = None,
    held_out: str | None = None,
    spoken: str | os.PathLike | None = None,
) -> AudioDataset:
    """`digit_strings`, its training splits with 1,600 strings of 1 to 6 digits by sixteen synthetic voices.

    Five people are few; more voices make a recognizer understand people whom it never heard (speech for
    training by synthesis: arXiv:1909.11699). The first call for training speaks the strings, in about a
    minute on two cores. It needs flite, espeak-ng and `pip install piper-tts`.

    Args:
        split: "train", "validation", "train+validation" or "test", of `digit_strings`.
        root: as of `spoken_digits`.
        held_out: a speaker who is in "test" alone, as in `digit_strings`.
        spoken: folder for the synthetic recordings; by default in the cache of downloads.

    Raises:
        ValueError: unknown split or speaker.
        FileNotFoundError: the recordings or a program are missing.
    """
    check_split(split, SPLITS[:4])
    human = digit_strings(split, root, held_out)
    if not split.startswith("train"):
        return human
    synthetic = spoken_once("digit_voices", _strings(), VOICES, out=spoken)
    figures = {word: str(digit) for digit, word in enumerate(WORDS)}
    texts = [" ".join(figures[word] for word in text.split()) for text in synthetic.texts]
    return AudioDataset(
        audio=human.audio + synthetic.audio,
        texts=human.texts + texts,
        speakers=human.speakers + synthetic.speakers,
        name="digit_voices",
        split=split,
        licence=f"{LICENCE}; synthetic voices BSD-like and CC0",
    )


def _strings():
    """What the voices say: "three one four", each digit equally often."""
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 7))) for _ in range(STRINGS)]
