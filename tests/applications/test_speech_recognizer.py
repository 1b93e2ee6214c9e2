import io
import wave

import application_battery
import battery
import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo.applications import SpeechRecognizer

from zoo.datasets import AudioDataset
from zoo.decoding import BeamSearch, NGram, align
from zoo.models import DeepSpeech
from zoo.preprocessing import AudioPreprocessor

RATE, TONES = 8000, {"a": 500, "b": 1200, "c": 2400}


def make(seed=0, **options):
    """An untrained recognizer of three tones, the same one every time."""
    keras.utils.set_random_seed(seed)
    preprocessor = AudioPreprocessor(RATE, num_mels=20, alphabet=" abc")
    tiny = {"units": 8, "num_layers": 1, "conv_filters": (4, 4), "dropout": 0.0, **options}
    return SpeechRecognizer(DeepSpeech(5, **tiny), preprocessor)


def spoken(text, rng, rate=RATE):
    """A tone of 0.12 s for each letter, silence for a space and between."""
    time = np.arange(round(0.12 * rate)) / rate
    parts = []
    for letter in text:
        tone = 0.3 * np.sin(2 * np.pi * TONES[letter] * time) if letter in TONES else 0 * time
        parts += [tone, np.zeros(round(0.06 * rate))]
    wave = np.concatenate(parts)
    return (wave + rng.normal(0, 1e-3, len(wave))).astype("float32")


def recordings(count, seed=0):
    rng = np.random.default_rng(seed)
    texts = [
        "".join(rng.choice(list("abc"), 2)) + " " + "".join(rng.choice(list("abc"), 2)) for _ in range(count)
    ]
    return [spoken(text, rng) for text in texts], texts


def narrow_floats_stay_close(make, x, y, folder):
    """As in the battery, on probabilities: a logarithm has no bound."""
    app = make()
    app.save_pretrained(folder / "app")
    for precision in ("mixed_bfloat16", "mixed_float16"):
        narrow = SpeechRecognizer.from_pretrained(folder / "app", precision=precision)
        assert narrow.model.compute_dtype == precision.removeprefix("mixed_")
        np.testing.assert_allclose(np.exp(narrow.predict(x)), np.exp(app.predict(x)), atol=0.02)


CHECKS = [c for c in application_battery.CHECKS if c.__name__ != "narrow_floats_stay_close"]


@pytest.mark.parametrize("check", [*CHECKS, narrow_floats_stay_close], ids=battery.claim)
def test_application(check, tmp_path):
    check(make, *recordings(32), tmp_path)


@pytest.fixture(scope="module")
def trained():
    app = make(units=24)
    audio, texts = recordings(192)
    app.compile(optimizer="adamw", learning_rate=1e-2, schedule="constant", augment={})
    app.fit(audio, texts, batch_size=16, epochs=12, verbose=0)
    return app


@pytest.mark.slow
def test_learns_to_transcribe_texts_it_never_saw(trained):
    audio, texts = recordings(40, seed=1)
    result = trained.evaluate(audio, texts, return_dict=True, verbose=0)
    assert set(result) == {"loss", "cer", "wer"}
    assert result["cer"] < 0.05
    transcript = trained.transcribe(audio[:1])[0]
    assert transcript == texts[0]
    assert isinstance(transcript, str)
    (first, second) = transcript.words
    assert (first.text, second.text) == tuple(texts[0].split())
    assert 0 <= first.begin < first.end <= second.begin < second.end <= len(audio[0]) / RATE + 0.1


@pytest.mark.slow
def test_beam_search_and_alignment_run_on_its_outputs(trained):
    audio, texts = recordings(3, seed=2)
    assert trained.transcribe(audio, decoder=BeamSearch(8)) == texts
    aligned = align(trained.predict(audio)[0], texts[0], " abc", trained.step_seconds)
    assert aligned == texts[0]


@pytest.mark.parametrize("form", ["folder", "keras"])
def test_its_own_beam_search_is_saved_with_it(trained, form, tmp_path):
    audio, texts = recordings(6, seed=2)
    model = NGram.train(texts, order=2)
    search = BeamSearch(8, model, words="known", hot_words={"ab": 1.5})
    app = SpeechRecognizer(trained.model, trained.preprocessor, search)
    place = tmp_path / ("app" if form == "folder" else "app.keras")
    (app.save_pretrained if form == "folder" else app.save)(place)
    again = SpeechRecognizer.from_pretrained(place)
    assert again.decoder.get_config() == app.decoder.get_config()
    assert again.decoder.words == model.words
    assert again.decoder.language_model.perplexity(texts) == pytest.approx(model.perplexity(texts), rel=1e-4)
    assert again.transcribe(audio) == app.transcribe(audio) == trained.transcribe(audio, decoder=app.decoder)
    assert SpeechRecognizer.from_config(trained.get_config()).decoder is None


def test_a_language_model_is_missed_and_an_older_one_is_not_taken(tmp_path):
    app = make()
    app.decoder = BeamSearch(8, NGram.train(["ab c"], order=2))
    app.save_pretrained(tmp_path)
    app.decoder = BeamSearch(8)
    app.save_pretrained(tmp_path)  # over the other, whose file stays
    assert SpeechRecognizer.from_pretrained(tmp_path).decoder.language_model is None
    app.decoder = BeamSearch(8, NGram.train(["ab c"], order=2))
    app.save_pretrained(tmp_path)
    (tmp_path / "language_model.arpa.gz").unlink()
    with pytest.raises(ValueError, match=r"expected language_model.arpa.gz beside the weights, found none"):
        SpeechRecognizer.from_pretrained(tmp_path)


def test_a_recipe_gives_it_a_language_model(tmp_path):
    recipe = SpeechRecognizer.default_recipe.replace(
        start="",
        model="deep_speech_tiny",
        preprocessor={"sample_rate": RATE, "num_mels": 20, "alphabet": " abc"},
        decoder={"order": 2, "least": 2, "texts": str(tmp_path / "more.txt"), "beam_size": 4},
    )
    (tmp_path / "more.txt").write_text("cab\nnot in the alphabet\n")
    app = SpeechRecognizer.from_recipe(recipe, AudioDataset([], ["ab c", "ab a"], ["", ""], "", "", ""))
    assert app.decoder.language_model.words == {"ab", "c", "a", "cab"}
    assert app.decoder.get_config()["beam_size"] == 4
    with pytest.raises(ValueError, match=r"decoder: expected keys among .* found \['size'\]"):
        SpeechRecognizer.from_recipe(
            recipe.replace(decoder={"size": 4}), AudioDataset([], ["a"], [""], "", "", "")
        )


def test_long_audio_goes_through_in_pieces(trained, monkeypatch):
    rng = np.random.default_rng(3)
    text = " ".join("".join(rng.choice(list("abc"), 2)) for _ in range(30))
    audio = spoken(text, rng)
    whole = trained.transcribe([audio])[0]
    monkeypatch.setattr("zoo.applications.speech_recognizer.CHUNK_SECONDS", 5.0)
    monkeypatch.setattr("zoo.applications.speech_recognizer.OVERLAP_SECONDS", 1.0)
    pieces, log_probs = trained._pieces(audio), trained.predict([audio])[0]
    assert len(pieces) > 3
    assert len(log_probs) == trained.steps([len(audio)])[0]
    found = trained.transcribe([audio])[0]
    assert found == whole
    assert found.words[-1].end == whole.words[-1].end


def wav_bytes(audio, rate=RATE, channels=1):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        samples = np.repeat(np.round(audio * 32767).astype("<i2")[:, None], channels, axis=1)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def test_every_form_of_the_same_audio_gives_the_same_text(trained, tmp_path):
    (audio,), (text,) = recordings(1, seed=4)
    rng = np.random.default_rng(4)
    (tmp_path / "a.wav").write_bytes(wav_bytes(audio))
    at_16k = spoken(text, rng, 16000)
    forms = [
        audio,
        np.round(audio * 32767).astype("int16"),
        np.stack([audio, audio], axis=1),
        (at_16k, 16000),
        wav_bytes(audio),
        wav_bytes(at_16k, 16000, channels=2),
        tmp_path / "a.wav",
        str(tmp_path / "a.wav"),
    ]
    assert trained.transcribe(forms) == [text] * len(forms)
    assert trained.transcribe(str(tmp_path / "a.wav")) == [text]
    assert trained.transcribe(np.stack([audio, audio])) == [text] * 2


def test_streamed_text_ends_as_the_text_of_the_whole():
    keras.utils.set_random_seed(1)
    preprocessor = AudioPreprocessor(RATE, num_mels=20, alphabet=" abc", normalize="running")
    one_way = {"bidirectional": False, "lookahead": 2, "units": 8, "num_layers": 2, "conv_filters": (4, 4)}
    app = SpeechRecognizer(DeepSpeech(5, **one_way), preprocessor)
    (audio,), _ = recordings(1)
    for size in (333, 2000, len(audio)):
        *_, last = app.stream(audio[i : i + size] for i in range(0, len(audio), size))
        whole = app.transcribe([audio])[0]
        assert last == whole
        assert [w[:3] for w in last.words] == [w[:3] for w in whole.words]
    with pytest.raises(ValueError, match="to stream"):
        list(make().stream([audio]))


@pytest.mark.slow
def test_silence_empty_and_tiny_clips_give_no_text(trained):
    clips = [np.zeros(0, "float32"), np.zeros(RATE, "float32"), np.full(3, 0.01, "float32")]
    assert trained.transcribe(clips) == ["", "", ""]


@pytest.mark.slow
@pytest.mark.parametrize("beams", [0, 8], ids=["greedy", "beam search"])
def test_exported_model_answers_with_text_and_times(trained, beams, tmp_path):
    model = NGram.train(recordings(6, seed=2)[1], order=2)
    search = BeamSearch(beams, model, words="known", hot_words={"ab": 1.5}) if beams else None
    trained = SpeechRecognizer(trained.model, trained.preprocessor, search)
    trained.export(tmp_path / "served")
    loaded = tf.saved_model.load(str(tmp_path / "served"))
    audio, _ = recordings(3, seed=5)
    expected = trained.transcribe(audio)
    longest = max(map(len, audio))
    padded = np.stack([np.pad(a, (0, longest - len(a))) for a in audio])
    samples = tf.constant([len(a) for a in audio])
    out = loaded.signatures["serving_default"](audio=tf.constant(padded), samples=samples)
    assert [text.decode() for text in out["text"].numpy()] == expected
    for row, transcript in enumerate(expected):
        for column, word in enumerate(transcript.words):
            assert out["words"][row, column].numpy().decode() == word.text
            np.testing.assert_allclose(out["begins"][row, column], word.begin, atol=1e-4)
            np.testing.assert_allclose(out["ends"][row, column], word.end, atol=1e-4)
    files = tf.constant([wav_bytes(spoken(t, np.random.default_rng(0), 16000), 16000) for t in expected])
    out = loaded.signatures["wav"](files=files)
    assert [text.decode() for text in out["text"].numpy()] == expected
    silent = loaded.signatures["serving_default"](audio=tf.zeros((1, 80)), samples=tf.constant([0]))
    assert silent["text"].numpy().tolist() == [b""]


def test_bad_input_is_named():
    app, (audio, texts) = make(), recordings(4)
    with pytest.raises(ValueError, match="'x' x 2, '1' x 1, first in row 2"):
        app.fit(audio, [*texts[:2], "xx1", "a"])
    with pytest.raises(ValueError, match=r"as many transcripts as utterances \(4\), found 3"):
        app.fit(audio, texts[:3])
    with pytest.raises(ValueError, match="y: expected transcripts"):
        app.fit(audio)
    with pytest.raises(ValueError, match="finite samples in row 1"):
        app.transcribe([audio[0], np.full(100, np.nan, "float32")])
    with pytest.raises(ValueError, match="at least one utterance"):
        app.transcribe([])
    with pytest.raises(ValueError, match=r"for one waveform pass a list of it"):
        app.transcribe(audio[0])
    with pytest.raises(ValueError, match="sound to learn from in row 0"):
        app.fit([np.zeros(0, "float32"), *audio[1:]], texts)
    with pytest.raises(ValueError, match="model: expected 5 classes"):
        SpeechRecognizer(DeepSpeech(7), app.preprocessor)


@pytest.mark.slow
def test_transcripts_longer_than_their_audio_are_told():
    app, (audio, texts) = make(), recordings(4)
    app.compile()
    with pytest.warns(
        UserWarning, match=r"1 of 4 transcripts are longer .* rows \[1\]; row 1 needs 79 steps"
    ):
        history = app.fit(audio, [texts[0], "a" * 40, *texts[2:]], epochs=1, batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.slow
def test_fit_follows_validation_and_augments():
    app, (audio, texts) = make(), recordings(8)
    app.compile(augment={"speed": 0.1, "gain": 3.0, "noise": 0.1, "time_masks": 1, "mel_masks": 1})
    history = app.fit(audio, texts, validation_data=(audio, texts), epochs=2, batch_size=4, verbose=0).history
    assert set(history) >= {"loss", "cer", "val_loss", "val_cer"}
