import json
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from zoo.datasets import read_speech, speak_texts
from zoo.datasets.synthetic_speech import PROGRAMS, voices

TEXTS = ["hello world", "the second line"]


@pytest.fixture(params=sorted(PROGRAMS))
def voice(request):
    names = [name for name in voices() if name.startswith(request.param)]
    if not names:
        pytest.skip(f"no voice of {request.param} is installed")
    return names[0]


def test_texts_become_recordings_with_a_manifest(voice, tmp_path):
    manifest = speak_texts(TEXTS, tmp_path, [voice], sample_rate=8000)
    data = read_speech(tmp_path)
    assert (data.texts, set(data.speakers)) == (TEXTS, {voice})
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    for path, row in zip(data.audio, rows, strict=True):
        with wave.open(path) as file:
            assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert 0.3 < len(samples) / 8000 < 5
        assert row["duration"] == pytest.approx(len(samples) / 8000, abs=1e-3)
        assert np.abs(samples.astype(int)).max() > 1000


def test_a_broken_off_run_goes_on(voice, tmp_path):
    speak_texts(TEXTS[:1], tmp_path, [voice])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.wav")}
    speak_texts(TEXTS, tmp_path, [voice])
    assert len(list(tmp_path.rglob("*.wav"))) == 2
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_voices_take_turns_or_all_speak(voice, tmp_path):
    names = voices()[:2]
    if len(names) < 2:
        pytest.skip("only one voice is installed")
    assert [row.partition(":")[0] for row in names]
    speak_texts(TEXTS, tmp_path / "turns", names)
    assert read_speech(tmp_path / "turns").speakers == names
    speak_texts(TEXTS, tmp_path / "each", names, each=True)
    assert read_speech(tmp_path / "each").speakers == names * 2


def test_a_pitch_makes_another_speaker_at_the_same_pace(voice, tmp_path):
    if voice.endswith("_hts"):
        voice = next((v for v in voices() if v.startswith("festival:") and not v.endswith("_hts")), None)
        if voice is None:
            pytest.skip("festival has no voice that keeps its pace")
    names = [voice, f"{voice}*1.3"]
    data = read_speech(speak_texts(["one two three four five"], tmp_path, names, each=True))
    low, high = (np.frombuffer(Path(path).read_bytes()[44:], "<i2") for path in data.audio)
    assert len(high) == pytest.approx(len(low), rel=0.2)
    spectra = [np.abs(np.fft.rfft(samples, 1 << 16)) ** 2 for samples in (low, high)]
    hertz = np.linspace(0, 8000, len(spectra[0]))
    centres = [(hertz * power).sum() / power.sum() for power in spectra]
    assert 1.1 < centres[1] / centres[0] < 1.5


def test_a_piper_voice_is_named_by_its_file(tmp_path):
    pytest.importorskip("piper")
    with pytest.raises(FileNotFoundError, match=r"one of \['joe'\] or the .onnx file .* 'piper:jane'"):
        speak_texts(TEXTS, tmp_path, ["piper:jane"])


def test_mistakes_are_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="at least one text"):
        speak_texts([], tmp_path)
    with pytest.raises(ValueError, match=r"PROGRAM:VOICE .* found 'slt'"):
        speak_texts(TEXTS, tmp_path, ["slt"])
    for pitch in ("3", "0.1", "1.2.3", "."):
        with pytest.raises(ValueError, match=r"factor in 0.5..2 behind the \*, found 'flite:slt\*"):
            speak_texts(TEXTS, tmp_path, [f"flite:slt*{pitch}"])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(
        FileNotFoundError, match="the program text2wave for 'festival:kal', found none; .* festival"
    ):
        speak_texts(TEXTS, tmp_path, ["festival:kal"])
    with pytest.raises(FileNotFoundError, match="one of the programs flite, festival, espeak-ng, found none"):
        speak_texts(TEXTS, tmp_path)


def test_a_voice_that_says_nothing_is_named(voice, tmp_path):
    program = voice.partition(":")[0]
    if program == "flite":
        pytest.skip("flite takes another voice where it does not know one")
    with pytest.raises(ValueError, match=f"sound from '{program}:nobody' for 'hello world'"):
        speak_texts(TEXTS, tmp_path, [f"{program}:nobody"])
