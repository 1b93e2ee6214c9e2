"""Speech out of text files, by the voices of flite, festival and espeak-ng, where they are installed.

Debian packages: flite, festival with festvox-*, espeak-ng. What they say is theirs to license: the voices of
flite and festival are free to use, espeak-ng is GPL (its output is not).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

PROGRAMS = {"flite": "flite", "festival": "text2wave", "espeak-ng": "espeak-ng"}
ESPEAK = ("en-us", "en-gb", "en-gb-scotland", "en-029")  # accents that are used where no voice is named
FLITE = ("awb", "kal16", "rms", "slt")


def voices() -> list[str]:
    """Names of the voices that this machine has, "program:voice"."""
    found = []
    if shutil.which("flite"):
        done = subprocess.run(["flite", "-lv"], capture_output=True, text=True, check=False)
        names = done.stdout.partition(":")[2].split()
        found += [f"flite:{name}" for name in FLITE if name in names]
    if shutil.which("text2wave"):
        folders = [Path(os.environ.get("FESTIVAL_VOICES", "/usr/share/festival/voices"))]
        names = sorted(path.name for folder in folders for path in folder.glob("*/*") if path.is_dir())
        found += [f"festival:{name}" for name in names]
    if shutil.which("espeak-ng"):
        found += [f"espeak-ng:{name}" for name in ESPEAK]
    return found


def speak_texts(
    texts: Sequence[str],
    out: str | os.PathLike,
    names: Sequence[str] | None = None,
    each: bool = False,
    sample_rate: int = 16000,
) -> Path:
    """Speaks texts into WAV files with a manifest, which `read_speech` reads.

    A text that a voice has spoken before is not spoken again: a run that was broken off goes on.

    Args:
        texts: what to say, one recording each.
        out: folder; gets manifest.jsonl (path, transcript, speaker, duration) and VOICE/*.wav, 16-bit mono.
        names: voices, "flite:slt"; by default `voices()`.
        each: every text by every voice; else the voices take turns.
        sample_rate: of the files, in Hz.

    Returns: path of the manifest.

    Raises:
        FileNotFoundError: a program is not installed, or there is none.
        ValueError: an unknown program, nothing to say, or a voice that says nothing.

    Example:
        >>> speak_texts(["hello world"], "spoken", ["flite:slt"])  # doctest: +SKIP
        PosixPath('spoken/manifest.jsonl')
    """
    if not texts:
        raise ValueError("texts: expected at least one text, found none")
    names = voices() if names is None else list(names)
    if not names:
        raise FileNotFoundError(
            f"voices: expected one of the programs {', '.join(PROGRAMS)}, found none; install the Debian "
            "package flite, festival or espeak-ng"
        )
    for name in names:
        program = name.partition(":")[0]
        if program not in PROGRAMS or ":" not in name:
            raise ValueError(f"voices: expected PROGRAM:VOICE with one of {list(PROGRAMS)}, found {name!r}")
        if shutil.which(PROGRAMS[program]) is None:
            raise FileNotFoundError(
                f"voices: expected the program {PROGRAMS[program]} for {name!r}, found none; install the "
                f"Debian package {program}"
            )
    out = Path(out)
    rows = []
    for number, text in enumerate(texts):
        for name in names if each else [names[number % len(names)]]:
            key = hashlib.sha256(f"{sample_rate}:{text}".encode()).hexdigest()[:16]
            path = out / re.sub(r"[^\w.-]+", "_", name) / f"{key}.wav"
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                _speak(text, name, path, sample_rate)
            rows.append(
                {
                    "path": path.relative_to(out).as_posix(),
                    "transcript": text,
                    "speaker": name,
                    "duration": round((path.stat().st_size - 44) / 2 / sample_rate, 3),
                }
            )
    partial = out / ".manifest.jsonl.tmp"
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    os.replace(partial, out / "manifest.jsonl")
    return out / "manifest.jsonl"


def _speak(text, name, path, sample_rate):
    """Writes one WAV file at `path`, whole or not at all."""
    program, _, voice = name.partition(":")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".speaking-") as folder:
        said, source = Path(folder) / "said.wav", Path(folder) / "text.txt"
        source.write_text(text + "\n", encoding="utf-8")
        commands = {
            "flite": ["flite", "-voice", voice, "-f", str(source), "-o", str(said)],
            "festival": ["text2wave", "-eval", f"(voice_{voice})", str(source), "-o", str(said)],
            "espeak-ng": ["espeak-ng", "-v", voice, "-f", str(source), "-w", str(said)],
        }
        done = subprocess.run(commands[program], capture_output=True, text=True, check=False)
        if done.returncode or not said.is_file() or said.stat().st_size <= 44:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise ValueError(f"voices: expected sound from {name!r} for {text!r:.60}, found {lines[-1:]}")
        with wave.open(str(said)) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
        if width != 2:
            raise ValueError(f"voices: expected 16-bit sound from {name!r}, found {8 * width} bits")
        audio = np.frombuffer(data, "<i2").reshape(-1, channels).mean(axis=1)
        audio = _resampled(audio, rate, sample_rate)
        with wave.open(str(said), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sample_rate)
            file.writeframes(np.clip(np.round(audio), -32768, 32767).astype("<i2").tobytes())
        os.replace(said, path)


def _resampled(audio, rate, new_rate):
    """Band-limited, by the Fourier transform of the whole: `zoo.preprocessing` is not below this room."""
    if rate == new_rate or not len(audio):
        return audio
    count = round(len(audio) * new_rate / rate)
    spectrum = np.fft.rfft(audio)
    kept = np.zeros(count // 2 + 1, complex)
    size = min(len(kept), len(spectrum))
    kept[:size] = spectrum[:size]
    return np.fft.irfft(kept, count) * count / len(audio)
