"""Contenders of the small work items do the same work."""

import numpy as np
import pytest

from benchmarks import load_time, serving, transcription, word_errors
from benchmarks.items import Contender


def test_word_errors_of_the_zoo_and_of_jiwer_are_equal():
    pytest.importorskip("jiwer", reason="the extra `test` is not installed")
    ours, theirs = word_errors.zoo(50)(), word_errors.jiwer(50)()
    assert ours == pytest.approx(theirs)
    assert 0.1 < ours < 0.4


@pytest.mark.slow
def test_every_way_of_serving_an_image_gives_the_same():
    served, predicted = serving.image("signature")(), serving.image("predict")()
    np.testing.assert_allclose(served, predicted, atol=1e-5)
    assert serving.image("classify")()[0]["score"] == pytest.approx(predicted.max())


@pytest.mark.slow
def test_every_way_of_loading_runs(monkeypatch):
    monkeypatch.setitem(load_time.SIZES, "tiny", {"num_layers": 1, "hidden_dim": 16, "num_heads": 2})
    monkeypatch.setattr(load_time, "VOCABULARY", 2000)
    load_time.zoo("tiny", safetensors=True)()
    load_time.zoo("tiny", safetensors=False)()
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    load_time.transformers("tiny")()


@pytest.mark.slow
def test_digits_are_spoken_and_transcribed_faster_than_real_time(monkeypatch):
    if Contender("zoo", "zoo", "m:f", programs=("flite",)).missing():
        pytest.skip("flite is not installed")
    monkeypatch.setattr(transcription, "one_core", lambda: None)  # it would hold for the tests to come
    for together in (False, True):
        assert 0 < transcription.zoo("digits.fsdd", 2, together)() < 1


def test_real_time_is_work_by_sound(tmp_path, monkeypatch):
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 8000))  # half a second
    now = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: now)

    def transcribe(paths):
        nonlocal now
        now += 0.2 * len(paths)

    assert transcription.real_time(transcribe, [str(tmp_path / "a.wav")] * 3)() == pytest.approx(0.4)


def test_a_program_that_is_not_there_is_missing():
    assert Contender("x", "keras", "m:f", programs=("no-such-program",)).missing() == ["no-such-program"]
