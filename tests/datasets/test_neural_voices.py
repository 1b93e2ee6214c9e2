# ruff: noqa: RUF001
import hashlib
import importlib.util
import shutil
import wave

import numpy as np
import pytest

from zoo.datasets import neural_voices, read_speech, speak_texts
from zoo.datasets.neural_voices import KOKORO, english_sounds

espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
onnx = pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="no ONNX Runtime")


@espeak
@pytest.mark.parametrize(
    ("accent", "sounds"),
    [("en-us", "θɹˈi, fˈɔɹ; zˈɪɹO, ˈAt! ʤˈʌʤ"), ("en-gb", "θɹˈiː, fˈɔː; zˈɪəɹQ, ˈAt! ʤˈʌʤ")],
    ids=["us", "gb"],
)
def test_english_becomes_the_sounds_that_the_network_knows(accent, sounds):
    assert english_sounds("three, four; zero, eight! judge", accent) == sounds


@pytest.fixture
def network(monkeypatch):
    """A network that hums as long as its text is; what it was given."""
    given = []

    class Session:
        def run(self, outputs, inputs):
            given.append(inputs)
            assert outputs is None
            seconds = inputs["tokens"].shape[1] / 10 / inputs["speed"][0]
            hum = np.sin(2 * np.pi * 440 * np.arange(int(24000 * seconds)) / 24000)
            return [0.5 * hum.astype("float32")]

    styles = {
        name: np.full((510, 256), i, "float32") + np.arange(510)[:, None] for i, name in enumerate(KOKORO)
    }
    monkeypatch.setattr(neural_voices, "_kokoro_session", Session)
    monkeypatch.setattr(neural_voices, "_kokoro_styles", lambda: styles)
    monkeypatch.setattr(neural_voices, "_kokoro_sounds", lambda: {c: i for i, c in enumerate(" tuːwˈʌn,", 1)})
    return given


@espeak
@onnx
def test_a_network_speaks_with_one_voice_or_between_two(network, tmp_path):
    names = [f"kokoro:{KOKORO[2]}", f"kokoro:{KOKORO[2]}+{KOKORO[4]}", f"kokoro:{KOKORO[0]}*1.25"]
    data = read_speech(speak_texts(["two, one"], tmp_path, names, each=True, sample_rate=8000))
    assert data.speakers == names
    lengths = []
    for path in data.audio:
        with wave.open(path) as file:
            assert file.getframerate() == 8000
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        lengths.append(len(samples))
        assert 16000 < np.abs(samples.astype(int)).max() < 17000
    sounds = len("tˈu, wˈʌn")
    assert lengths == pytest.approx([800 * (sounds + 2)] * 3, rel=0.01)  # a pitch leaves the pace
    by_style = sorted(network, key=lambda inputs: inputs["style"][0, 0])
    assert [inputs["style"][0, 0] for inputs in by_style] == [sounds - 1, sounds + 1, sounds + 2]
    assert {inputs["style"].shape for inputs in network} == {(1, 256)}
    assert all(inputs["tokens"][0, [0, -1]].tolist() == [0, 0] for inputs in network)


@espeak
@onnx
def test_a_text_without_sounds_or_with_too_many_is_named(network, tmp_path):
    with pytest.raises(ValueError, match="1 to 510 sounds in a text, found 0 in '…'"):
        speak_texts(["…"], tmp_path, ["kokoro:af_heart"])
    with pytest.raises(ValueError, match=r"1 to 510 sounds in a text, found \d+ in 'two two"):
        speak_texts(["two " * 300], tmp_path, ["kokoro:af_heart"])


def test_voices_that_are_not_there_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    with pytest.raises(ValueError, match="Kokoro's, of af_alloy, .* found 'kokoro:af_heart\\+jane'"):
        speak_texts(["one"], tmp_path, ["kokoro:af_heart+jane"])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(FileNotFoundError, match="the program espeak-ng for 'kokoro:af_heart', found none"):
        speak_texts(["one"], tmp_path, ["kokoro:af_heart"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        FileNotFoundError, match="package piper for 'kokoro:af_heart', .*pip install piper-tts"
    ):
        speak_texts(["one"], tmp_path, ["kokoro:af_heart"])


@onnx
def test_parts_of_another_network_are_refused(tmp_path, monkeypatch):
    (tmp_path / "part.bin").write_bytes(b"network")
    monkeypatch.setattr(neural_voices, "fetch_package", lambda source: tmp_path)
    found = hashlib.sha256(4 * b"network").hexdigest()
    with pytest.raises(ValueError, match=f"expected sha256 6e7421.* of the parts, found {found}"):
        neural_voices._kokoro_session.__wrapped__()


@pytest.mark.slow
@espeak
@onnx
def test_kokoro_says_digits_that_the_bundled_recognizer_understands(tmp_path):
    from zoo.applications import SpeechRecognizer

    try:
        neural_voices._kokoro_session(), neural_voices._kokoro_styles(), neural_voices._kokoro_sounds()
    except (ValueError, RuntimeError) as error:
        pytest.skip(f"the packages of Kokoro cannot be had: {error}")
    names = ["kokoro:am_michael", "kokoro:bf_emma", "kokoro:am_puck+bm_lewis"]
    data = read_speech(speak_texts(["one", "six", "seven", "nine"], tmp_path, names, each=True))
    heard = [str(text) for text in SpeechRecognizer.from_pretrained("digits").transcribe(data.audio)]
    expected = [{"one": "1", "six": "6", "seven": "7", "nine": "9"}[text] for text in data.texts]
    assert sum(a == b for a, b in zip(heard, expected, strict=True)) >= 9
