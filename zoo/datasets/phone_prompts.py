"""Telephone prompts: 540 English phrases by one professional speaker, from Debian's Asterisk sounds.

CC BY-SA 3.0, attribution: Allison Smith and Digium. Packages asterisk-core-sounds-en (transcripts) and
asterisk-core-sounds-en-wav (8 kHz) or -g722 (16 kHz, needs the program ffmpeg; taken where both are there).
"""

from __future__ import annotations

import concurrent.futures
import gzip
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

from zoo.datasets.array_dataset import check_split
from zoo.datasets.audio_dataset import AudioDataset

LICENCE = "CC-BY-SA-3.0"
SPLITS = ("train", "validation", "test", "all")
_TRANSCRIPTS = Path("usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
_SOUNDS = Path("usr/share/asterisk/sounds/en_US_f_Allison")


def phone_prompts(
    split: str = "train",
    root: str | os.PathLike | None = None,
    seconds: tuple[float, float] | None = None,
) -> AudioDataset:
    """Telephone prompts with their transcripts, split by text: no text of one split occurs in another.

    | split        | share of the texts, by sha256 of the normalized text |
    |--------------|------------------------------------------------------|
    | "train"      | 75 %                                                 |
    | "validation" | 5 %, for choosing                                    |
    | "test"       | 20 %                                                 |
    | "all"        | 100 %                                                |

    Transcripts are lower-case words of a-z and the apostrophe, numbers spelled out.

    Args:
        split: one of the splits above.
        root: folder under which the Debian packages are unpacked; default $ZOO_DATA_ROOT, else "/".
        seconds: only recordings of at least and at most so long.

    Returns: AudioDataset; audio are paths of WAV files, or pairs (float32 [n], 16000) decoded from G.722.

    Raises:
        ValueError: unknown split.
        FileNotFoundError: the packages are not under `root`.
    """
    check_split(split, SPLITS)
    root = Path(root or os.environ.get("ZOO_DATA_ROOT") or "/")
    transcripts, sounds = root / _TRANSCRIPTS, root / _SOUNDS
    if not transcripts.is_file() or not sounds.is_dir():
        raise FileNotFoundError(
            f"phone_prompts: expected {_TRANSCRIPTS} and {_SOUNDS} under {str(root)!r}, found none. Install "
            "the packages asterisk-core-sounds-en and asterisk-core-sounds-en-wav, or unpack them with "
            "`dpkg-deb -x` and give that folder as root= or ZOO_DATA_ROOT."
        )
    audio, texts, endings = [], [], (".g722", ".wav") if shutil.which("ffmpeg") else (".wav", ".g722")
    for name, text in _rows(transcripts):
        path = next((p for p in (sounds / f"{name}{ending}" for ending in endings) if p.is_file()), None)
        if path is None or split not in ("all", split_of(text)):
            continue
        if seconds is not None and not seconds[0] <= _seconds(path) <= seconds[1]:
            continue
        audio.append(path)
        texts.append(text)
    if not texts:
        raise FileNotFoundError(f"phone_prompts: expected .wav or .g722 files in {str(sounds)!r}, found none")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        audio = list(pool.map(_audio, audio))
    return AudioDataset(audio, texts, ["allison"] * len(texts), "phone_prompts", split, LICENCE)


def split_of(text: str) -> str:
    """The split that a normalized text belongs to."""
    share = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 100
    return "test" if share < 20 else "validation" if share < 25 else "train"


def _rows(path):
    """(name, normalized text) of every recording that is speech and nothing else."""
    from zoo.metrics.spoken_text import normalize_text

    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            name, _, text = line.strip().partition(": ")
            if line.startswith(";") or not text or name.startswith(("silence/", "spy-iax2")):
                continue
            text = re.sub(r"\s\[.\]$", "", text)  # the sign that a letter's name stands for
            if re.search(r"[\[(<]", text):
                continue
            text = text.replace("#", " pound ").replace("*", " star ").replace("IAX", "i a x")
            words = normalize_text(text.replace("A.M.", "a m").replace("P.M.", "p m"))
            if words:
                yield name, words


def _seconds(path):
    return (path.stat().st_size - 44) / 16000 if path.suffix == ".wav" else path.stat().st_size / 8000


def _audio(path):
    return str(path) if path.suffix == ".wav" else (_decode_g722(path), 16000)


def _decode_g722(path):
    if shutil.which("ffmpeg") is None:
        raise FileNotFoundError(
            f"phone_prompts: expected the program ffmpeg to decode {path.name}, found none; install it "
            "or the package asterisk-core-sounds-en-wav"
        )
    command = ["ffmpeg", "-v", "error", "-f", "g722", "-i", str(path), "-f", "s16le", "-ac", "1", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, "<i2").astype("float32") / 32768.0
