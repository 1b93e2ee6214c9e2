"""Speech out of text files, by the voices of flite, festival, espeak-ng, Piper and Kokoro, where installed.

Debian packages: flite, festival with festvox-*, espeak-ng; Python package piper-tts. What they say is theirs
to license: the voices of flite and festival are free to use, espeak-ng is GPL (its output is not), Kokoro's
are Apache 2.0, each Piper voice has a licence of its own (joe, the one named here, is CC0).
"""

from __future__ import annotations

import concurrent.futures
import functools
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
import tqdm

from zoo.datasets.audio_dataset import AudioDataset
from zoo.datasets.neural_voices import by_kokoro, by_piper, check_neural
from zoo.datasets.speech_files import read_speech
from zoo.files import atomic_path

PROGRAMS = {"flite": "flite", "festival": "text2wave", "espeak-ng": "espeak-ng"}
ESPEAK = ("en-us", "en-gb", "en-gb-scotland", "en-029")  # accents that are used where no voice is named
FLITE = ("awb", "kal16", "rms", "slt")
NEURAL = {"piper": by_piper, "kokoro": by_kokoro}
ESPEAK_SPEED = 175  # words a minute, its default
_VOICE = re.compile(r"([\w-]+):([^*]+)(?:\*([0-9.]+))?")


def voices() -> list[str]:
    """Names of the voices that this machine has, "program:voice"; networks are fetched when named."""
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
    progress: bool = False,
) -> Path:
    """Speaks texts into WAV files with a manifest, which `read_speech` reads.

    A text that a voice has spoken before is not spoken again: a run that was broken off goes on.

    Args:
        texts: what to say, one recording each.
        out: folder; gets manifest.jsonl (path, transcript, speaker, duration) and VOICE/*.wav, 16-bit mono.
        names: voices, "flite:slt"; by default `voices()`. "piper:joe" or "piper:FILE.onnx" is Piper's,
            "kokoro:af_heart" one of the 54 of Kokoro, "kokoro:af_heart+bm_lewis" between two of them,
            and says sounds, too: "/tu/".
            "flite:slt*1.2" is another speaker out of the same voice: all its frequencies times 1.2, in
            0.5..2, at the same pace (but festival's HTS voices, which become faster).
        each: every text by every voice; else the voices take turns.
        sample_rate: of the files, in Hz.
        progress: show a bar on standard error.

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
        _check_voice(name)
    out = Path(out)
    pairs = _pairs(texts, names, each)
    speak = functools.partial(_spoken, out=out, sample_rate=sample_rate)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            done = tqdm.tqdm(pool.map(speak, pairs), total=len(pairs), unit="text", disable=not progress)
            rows = list(done)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    with atomic_path(out / "manifest.jsonl") as partial:
        partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return out / "manifest.jsonl"


def spoken_once(
    name: str,
    texts: Sequence[str],
    names: Sequence[str],
    each: bool = False,
    out: str | os.PathLike | None = None,
    sample_rate: int = 16000,
) -> AudioDataset:
    """`speak_texts` where it has not been done: what a data set of the zoo says, by its name.

    Args:
        name: of the folder in the cache of downloads, "prompts_english/sentences".
        texts, names, each, sample_rate: as of `speak_texts`.
        out: another folder.

    Returns: AudioDataset; audio are paths.
    """
    from zoo.hub.sources import cache_folder

    folder = Path(out or cache_folder() / "speech" / name)
    if not _said(folder / "manifest.jsonl").issuperset(_pairs(texts, names, each)):
        folder.mkdir(parents=True, exist_ok=True)
        speak_texts(texts, folder, names, each=each, sample_rate=sample_rate, progress=True)
    return read_speech(folder)


def _pairs(texts, names, each):
    """(text, voice) of every recording."""
    return [
        (text, name)
        for number, text in enumerate(texts)
        for name in (names if each else [names[number % len(names)]])
    ]


def _said(manifest):
    """(text, voice) of the recordings that a manifest lists; of none, where there is no manifest."""
    lines = manifest.read_text(encoding="utf-8").splitlines() if manifest.is_file() else ()
    return {(row["transcript"], row["speaker"]) for row in map(json.loads, lines)}


def _check_voice(name):
    match = _VOICE.fullmatch(name)
    program, voice, pitch = match.groups() if match else (None, None, None)
    if program not in (*PROGRAMS, *NEURAL):
        raise ValueError(f"voices: expected PROGRAM:VOICE with one of {[*PROGRAMS, *NEURAL]}, found {name!r}")
    if pitch is not None and not (pitch.count(".") <= 1 and pitch != "." and 0.5 <= float(pitch) <= 2):
        raise ValueError(f"voices: expected a factor in 0.5..2 behind the *, found {name!r}")
    if program in NEURAL:
        check_neural(name, program, voice)
    elif shutil.which(PROGRAMS[program]) is None:
        raise FileNotFoundError(
            f"voices: expected the program {PROGRAMS[program]} for {name!r}, found none; install the "
            f"Debian package {program}"
        )


def _spoken(pair, out, sample_rate):
    """The manifest's row of (text, voice), spoken unless it has been."""
    text, name = pair
    key = hashlib.sha256(f"{sample_rate}:{text}".encode()).hexdigest()[:16]
    path = out / re.sub(r"[^\w.-]+", "_", name) / f"{key}.wav"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _speak(text, name, path, sample_rate)
    return {
        "path": path.relative_to(out).as_posix(),
        "transcript": text,
        "speaker": name,
        "duration": round((path.stat().st_size - 44) / 2 / sample_rate, 3),
    }


def _speak(text, name, path, sample_rate):
    """Writes one WAV file at `path`, whole or not at all."""
    program, voice, pitch = _VOICE.fullmatch(name).groups()
    pitch = float(pitch or 1.0)
    if program in NEURAL:
        audio, rate = NEURAL[program](text, voice, pitch)
    else:
        audio, rate = _by_program(text, name, program, voice, pitch)
    # Spoken `pitch` times as slowly and played `pitch` times as fast: the pace stays, frequencies move.
    audio = _resampled(audio, round(rate * pitch), sample_rate)
    with atomic_path(path) as partial, wave.open(str(partial), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.clip(np.round(audio), -32768, 32767).astype("<i2").tobytes())


def _by_program(text, name, program, voice, stretch):
    """(samples float64 [n], rate) by a program of its own, `stretch` times as slowly as it would."""
    with tempfile.TemporaryDirectory(prefix="speaking-") as folder:
        said, source = Path(folder) / "said.wav", Path(folder) / "text.txt"
        source.write_text(text + "\n", encoding="utf-8")
        slower = f"(begin (voice_{voice}) (Parameter.set 'Duration_Stretch {stretch}))"
        speed = str(round(ESPEAK_SPEED / stretch))
        commands = {
            "flite": ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}"],
            "festival": ["text2wave", "-eval", slower, str(source), "-o", str(said)],
            "espeak-ng": ["espeak-ng", "-v", voice, "-s", speed, "-f", str(source), "-w", str(said)],
        }
        commands["flite"] += ["-f", str(source), "-o", str(said)]
        done = subprocess.run(commands[program], capture_output=True, text=True, check=False)
        if done.returncode or not said.is_file() or said.stat().st_size <= 44:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise ValueError(f"voices: expected sound from {name!r} for {text!r:.60}, found {lines[-1:]}")
        with wave.open(str(said)) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
    if width != 2:
        raise ValueError(f"voices: expected 16-bit sound from {name!r}, found {8 * width} bits")
    return np.frombuffer(data, "<i2").reshape(-1, channels).mean(axis=1), rate


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
