"""Transcription of digits spoken by a synthetic voice: seconds of one core for a second of sound.

The recordings are 16 kHz WAV files. The zoo's recognizer is of 8 kHz and resamples; pocketsphinx searches
ten words by a grammar, as the recognizer does, or its 130,000.
"""

import os
import pathlib
import time
import wave
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.scratch import scratch_folder

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GRAMMAR = f"#JSGF V1.0; grammar digits; public <digits> = ( {' | '.join(DIGITS)} )+ ;"
RATE = 16000


def recordings(folder: pathlib.Path, count: int) -> list[str]:
    """`count` recordings of five to ten digits by flite's voice slt; the same every time."""
    from zoo.datasets import read_speech
    from zoo.datasets.synthetic_speech import speak_texts

    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(DIGITS, random.integers(5, 11))) for _ in range(count)]
    speak_texts(texts, folder, ["flite:slt"], sample_rate=RATE)
    return [str(path) for path in read_speech(folder).audio]


def real_time(transcribe: Callable[[Sequence[str]], object], paths: Sequence[str]) -> Callable[[], float]:
    """A step: seconds of work / seconds of sound."""
    sound = 0.0
    for path in paths:
        with wave.open(path) as file:
            sound += file.getnframes() / file.getframerate()

    def step() -> float:
        start = time.perf_counter()
        transcribe(paths)
        return (time.perf_counter() - start) / sound

    return step


def one_core() -> None:
    """This process stays on one core, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def zoo(name: str, count: int, together: bool) -> Callable[[], float]:
    """`transcribe`, all recordings in one call or one after the other."""
    one_core()
    from zoo.applications import SpeechRecognizer

    app = SpeechRecognizer.from_pretrained(name)

    def alone(paths: Sequence[str]) -> None:
        for path in paths:
            app.transcribe([path])

    return real_time(app.transcribe if together else alone, recordings(scratch_folder(), count))


def pocketsphinx(count: int, grammar: bool) -> Callable[[], float]:
    """Its decoder with the model that comes with it."""
    one_core()
    import pocketsphinx

    folder = scratch_folder()
    options = {"loglevel": "FATAL", "samprate": RATE}
    if grammar:
        (folder / "digits.gram").write_text(GRAMMAR)
        options |= {"jsgf": str(folder / "digits.gram"), "lm": None}
    decoder = pocketsphinx.Decoder(**options)

    def transcribe(paths: Sequence[str]) -> None:
        for path in paths:
            with wave.open(path) as file:
                samples = file.readframes(file.getnframes())
            decoder.start_utt()
            decoder.process_raw(samples, full_utt=True)
            decoder.end_utt()
            decoder.hyp()

    return real_time(transcribe, recordings(folder / "spoken", count))
