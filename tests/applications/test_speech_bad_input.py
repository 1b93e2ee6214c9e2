"""Sound as it should not be: nothing crashes, and what cannot be used is named."""

import warnings

import keras
import numpy as np
import pytest
import soundfile
from zoo.applications import SpeechRecognizer

from zoo.models import DeepSpeech
from zoo.preprocessing import AudioPreprocessor

RATE = 8000


@pytest.fixture(scope="module")
def app():
    keras.utils.set_random_seed(0)
    preprocessor = AudioPreprocessor(RATE, num_mels=20, alphabet=" abc")
    return SpeechRecognizer(DeepSpeech(5, units=8, num_layers=1, conv_filters=(4, 4)), preprocessor)


def noise(samples, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype("float32")


def test_empty_silent_and_tiny_clips_give_text_without_words_of_sound(app):
    found = app.transcribe([np.zeros(0, "float32"), np.zeros(RATE, "float32"), noise(3), noise(1)])
    assert found[:2] == ["", ""]
    assert all(isinstance(text, str) for text in found)
    assert [len(row) for row in app.predict([noise(0), noise(3)])] == [0, 1]


@pytest.mark.parametrize("kind", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT"])
def test_files_of_other_widths_and_stereo_are_heard_as_the_same(app, kind, tmp_path):
    audio = noise(RATE)
    soundfile.write(tmp_path / "mono.wav", audio, RATE, subtype=kind)
    soundfile.write(tmp_path / "stereo.wav", np.stack([audio, audio], 1), RATE, subtype=kind)
    mono, stereo, plain = app.predict([tmp_path / "mono.wav", tmp_path / "stereo.wav", audio])
    np.testing.assert_allclose(mono, stereo, atol=1e-4)
    np.testing.assert_allclose(np.exp(mono), np.exp(plain), atol=0.1 if kind == "PCM_U8" else 1e-3)


@pytest.mark.parametrize(("rate", "found"), [(0, "0 Hz"), (7, "says 7"), (2**31, "says 2147483648")])
def test_an_impossible_declared_rate_is_named(app, rate, found, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(RATE), RATE)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    with pytest.raises(ValueError, match=found):
        app.transcribe([bytes(data)])


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_truncated_files_are_read_as_far_as_they_go_or_named(app, ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, noise(4 * RATE), RATE)
    data = path.read_bytes()
    for share in (0.9, 0.5, 0.001):
        path.write_bytes(data[: round(len(data) * share)])
        try:
            (found,) = app.transcribe([path])
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert isinstance(found, str)


@pytest.mark.parametrize("samples", [[0.0, np.nan, 0.1], [np.inf, 0.0]])
def test_samples_that_are_no_numbers_are_named(app, samples):
    with pytest.raises(ValueError, match="x: expected finite samples in row 1, found (nan at 1|inf at 0)"):
        app.transcribe([noise(9), np.array(samples, "float32")])


@pytest.mark.slow
def test_transcripts_that_do_not_fit_are_named(app):
    audio = [noise(2 * RATE, i) for i in range(4)]
    with pytest.raises(ValueError, match=r"'!' x 2, 'Z' x 1, first in row 1: 'a!!'"):
        app.fit(audio, ["a", "a!!", "Z", "b"], epochs=1, verbose=0)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        app.evaluate(audio, ["a", "b", "c" * 60, "b"], verbose=0)
    assert any("1 of 4 transcripts are longer than their audio allows" in str(w.message) for w in seen)
