"""Spoken digits: the Free Spoken Digit Dataset (Jackson et al. 2018), and strings of them.

CC BY-SA 4.0. A recording is called {digit}_{speaker}_{index}.wav, 8 kHz; indices 0-4 are the test split.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from zoo.datasets.array_dataset import check_split
from zoo.datasets.audio_dataset import AudioDataset

URL = "https://github.com/Jakobovski/free-spoken-digit-dataset"
LICENCE = "CC-BY-SA-4.0"
SPLITS = ("train", "validation", "train+validation", "test", "all")
CUT = 0.5  # of `digit_strings` for training
_RATE = 8000


def spoken_digits(
    split: str = "train",
    root: str | os.PathLike | None = None,
    speakers: tuple[str, ...] | None = None,
    without: tuple[str, ...] = (),
    strings: int | None = None,
    length: tuple[int, int] = (3, 7),
    seed: int = 0,
    around: float = 0.0,
    cut: float = 0.0,
) -> AudioDataset:
    """Single digits, or strings of them by one speaker with short pauses; transcripts are "3 1 4".

    | split              | recordings                                             |
    |--------------------|--------------------------------------------------------|
    | "train"            | indices of 10 and more                                 |
    | "validation"       | indices 5-9 of each digit and speaker, for choosing    |
    | "train+validation" | both, the official training split                      |
    | "test"             | indices 0-4, the official test split                   |
    | "all"              | all                                                    |

    The folder `recordings` is looked for in `root`, in $ZOO_DATA_ROOT and in their subfolder
    free-spoken-digit-dataset.

    Args:
        split: one of the splits above.
        root: folder of the data set.
        speakers: only these; all by default.
        without: none of these: leave-one-speaker-out.
        strings: so many strings of digits instead of single recordings, each of one speaker's clips of the
            split, with pauses of 0 to 0.2 s of that speaker's own background level.
        length: least and greatest number of digits of a string.
        seed: of the strings and of what is `around`.
        around: seconds of noise at each recording's own background level before and behind it. The recordings
            were cut where the sound begins, where a recognizer of running speech has something before.
        cut: every other recording in a string begins only where it gets louder than a random share of its
            loudest 10 ms, up to `cut`. Whoever learns from a few people's recordings should not rely on the
            first consonant being in them.

    Returns: AudioDataset; audio are pairs (float32 [n], 8000).

    Raises:
        ValueError: unknown split or speaker.
        FileNotFoundError: the recordings are nowhere.
    """
    check_split(split, SPLITS)
    clips = _clips(_locate(root), split)
    known = sorted({speaker for _, speaker, _ in clips})
    for name in (*(speakers or ()), *without):
        if name not in known:
            raise ValueError(f"speakers: expected names among {known}, found {name!r}")
    clips = [c for c in clips if (speakers is None or c[1] in speakers) and c[1] not in without]
    if strings is None:
        rows = [([digit], speaker, read_recording(path)) for digit, speaker, path in clips]
    else:
        rows = list(_strings(clips, strings, length, cut, np.random.default_rng(seed)))
    if around:
        rng = np.random.default_rng(seed)
        rows = [(digits, speaker, _with_margins(wave, around, rng)) for digits, speaker, wave in rows]
    return AudioDataset(
        audio=[(wave, _RATE) for *_, wave in rows],
        texts=[" ".join(digits) for digits, *_ in rows],
        speakers=[speaker for _, speaker, _ in rows],
        name="spoken_digits",
        split=split,
        licence=LICENCE,
    )


def digit_strings(
    split: str = "train", root: str | os.PathLike | None = None, held_out: str | None = None
) -> AudioDataset:
    """Strings of spoken digits by people: what the recipe `digits.fsdd` is measured on, see `digit_voices`.

    | split              | what                                                        |
    |--------------------|-------------------------------------------------------------|
    | "train"            | 1,000 strings of 2-6 digits and all single digits twice     |
    | "validation"       | 60 strings of 3-7 digits                                    |
    | "train+validation" | as "train", of the official training split                  |
    | "test"             | 100 strings of 3-7 digits from the official test split      |

    Args:
        split: one of the splits above.
        root: as of `spoken_digits`.
        held_out: a speaker who is in "test" alone, with 100 strings of all recordings of theirs; the others
            are in "train" and "validation".
    """
    check_split(split, SPLITS[:4])
    without = () if held_out is None else (held_out,)
    if split == "validation":
        return spoken_digits(split, root, without=without, strings=60)
    if split == "test" and held_out is not None:
        return spoken_digits("all", root, speakers=without, strings=100, seed=1)
    if split == "test":
        return spoken_digits(split, root, strings=100, seed=1)
    found = [  # half of all as they were cut, half with background around them
        spoken_digits(split, root, without=without, strings=500, length=(2, 6), seed=0, cut=CUT),
        spoken_digits(split, root, without=without, strings=500, length=(2, 6), seed=1, cut=CUT, around=0.1),
        spoken_digits(split, root, without=without),
        spoken_digits(split, root, without=without, around=0.05),
    ]
    parts = ([row for part in found for row in getattr(part, n)] for n in ("audio", "texts", "speakers"))
    return AudioDataset(*parts, "digit_strings", split, LICENCE)


def _locate(root):
    places = [Path(p) for p in (root, os.environ.get("ZOO_DATA_ROOT")) if p]
    for place in places:
        for folder in (place, place / "recordings", place / "free-spoken-digit-dataset" / "recordings"):
            if any(folder.glob("0_*_0.wav")):
                return folder
    raise FileNotFoundError(
        f"spoken_digits: expected the folder recordings of {URL} under root= or ZOO_DATA_ROOT, found none in "
        f"{[str(place) for place in places]}"
    )


def _clips(folder, split):
    """(digit, speaker, path) of the split, in order."""
    clips = []
    for path in sorted(folder.glob("*_*_*.wav")):
        digit, speaker, index = path.stem.split("_")
        part = "test" if int(index) < 5 else "validation" if int(index) < 10 else "train"
        if split == "all" or part in split.split("+"):
            clips.append((digit, speaker, path))
    return clips


def read_recording(path):
    """float32 [n] of a WAV file of 16 bits with the plain header, which all of these have."""
    data = Path(path).read_bytes()
    return np.frombuffer(data[44:], "<i2").astype("float32") / 32768.0


def _with_margins(wave, seconds, rng):
    """`wave` with noise as loud as its quietest tenth before and behind."""
    level = np.quantile(np.abs(wave), 0.1) + 1e-5
    before, behind = rng.normal(0.0, level, (2, round(seconds * _RATE))).astype("float32")
    return np.concatenate([before, wave, behind])


def _late(wave, share, rng):
    level = np.sqrt(np.convolve(wave**2, np.full(80, 1 / 80), "same"))  # of 10 ms
    return wave[np.argmax(level >= rng.uniform(0, share) * level.max()) :]


def _strings(clips, count, length, cut, rng):
    by_speaker = {}
    for digit, speaker, path in clips:
        by_speaker.setdefault(speaker, []).append((digit, read_recording(path)))
    return joined(by_speaker, count, length, cut, rng)


def joined(by_speaker, count, length, cut, rng):
    """(digits, speaker, waveform) of `count` strings; by_speaker: name to pairs (digit, waveform)."""
    names = sorted(by_speaker)
    for row in range(count):
        speaker = names[row % len(names)]
        own = by_speaker[speaker]
        chosen = [own[i] for i in rng.integers(0, len(own), rng.integers(length[0], length[1] + 1))]
        parts = []
        for _, wave in chosen:
            level = np.quantile(np.abs(wave), 0.1)
            pause = rng.normal(0, level, int(rng.uniform(0, 0.2) * _RATE)).astype("float32")
            parts += [pause, _late(wave, cut, rng) if cut and rng.random() < 0.5 else wave]
        yield [digit for digit, _ in chosen], speaker, np.concatenate(parts)
