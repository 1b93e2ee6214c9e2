"""The voice detector: real weights, raw audio in, spans out; saved, exported, and wrong input named."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from zoo.applications import VoiceActivity
from zoo.applications.cli import main

from zoo import hub
from zoo.datasets import speak_texts
from zoo.datasets.synthetic_speech import voices
from zoo.decoding import voice_spans
from zoo.models import SileroVad
from zoo.preprocessing import WaveformPreprocessor, waveform


def make():
    keras.utils.set_random_seed(0)
    return VoiceActivity(SileroVad(filters=(8, 6, 6, 8), units=5), WaveformPreprocessor())


def sounds():
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.1, n).astype("float32") for n in (5000, 16001, 3, 0)]


def test_rows_of_any_length_give_what_they_give_alone():
    app, audio = make(), sounds()
    found = app.predict(audio)
    assert [len(row) for row in found] == [10, 32, 1, 0]
    for row, alone in zip(found, audio, strict=True):
        np.testing.assert_allclose(row, app.predict([alone])[0], atol=1e-6)


def test_saved_pretrained_and_exported_give_the_same(tmp_path):
    app, audio = make(), sounds()[:2]
    expected = app.predict(audio)
    app.save(tmp_path / "app.keras")
    app.save_pretrained(tmp_path / "app")
    for path in ("app.keras", "app"):
        again = VoiceActivity.from_pretrained(tmp_path / path)
        np.testing.assert_array_equal(np.concatenate(again.predict(audio)), np.concatenate(expected))
    app.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served")).signatures["serving_default"]
    batch, samples = app.preprocessor(audio)
    out = served(audio=tf.constant(batch), samples=tf.constant(samples))
    assert out["frames"].numpy().tolist() == [10, 32]
    np.testing.assert_allclose(out["probabilities"][0, :10], expected[0], atol=1e-5)


def test_spans_follow_thresholds_gaps_and_padding():
    p = np.array([0, 0.9, 0.4, 0.9, 0, 0.9, 0.9, 0, 0, 0, 0, 0.9, 0, 0, 0])
    assert [span[:2] for span in voice_spans(p, 0.1, padding=0)] == [(0.1, 0.4)]
    assert [span[:2] for span in voice_spans(p, 0.1, padding=0, min_silence=0.15)] == [(0.1, 0.7)]
    spans = voice_spans(p, 0.1, padding=0.25, min_speech=0.1)
    assert [span[:2] for span in spans] == [(0.0, 0.45), (0.45, 0.9), (0.9, 1.45)]
    assert voice_spans([], 0.1) == []


def test_it_does_not_train_and_says_so():
    with pytest.raises(NotImplementedError, match="no fit"):
        make().fit(sounds(), [])
    with pytest.raises(ValueError, match="a sample rate of 16000, found 8000"):
        VoiceActivity(SileroVad(), WaveformPreprocessor(8000))


def test_published_weights_find_the_recorded_voice(tmp_path):
    try:
        app = VoiceActivity.from_pretrained("silero-vad")
    except ValueError as error:
        pytest.skip(f"silero-vad cannot be fetched here: {error}")
    assert app.model.count_params() == hub.find("silero-vad").parameters
    if not voices():
        pytest.skip("no synthetic voice is installed")
    speak_texts(["we speak for a while, and then we are quiet"], tmp_path, voices()[:1])
    (path,) = tmp_path.rglob("*.wav")
    voice, quiet = waveform(path, 16000), np.random.default_rng(0).normal(0, 1e-3, 24000).astype("float32")
    spans, nothing = app.detect([np.concatenate([quiet, voice, quiet]), quiet])
    assert nothing == []
    assert abs(spans[0].begin - 1.5) < 0.4
    assert abs(spans[-1].end - 1.5 - len(voice) / 16000) < 0.4
    done = CliRunner().invoke(main, ["predict", str(path), "--weights", "silero-vad"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{path}\t0.")
