"""What a transcript becomes: text, JSON, subtitles and a picture; and hours of it."""

import itertools
import json
import math

import keras
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from zoo.applications import SpeechRecognizer
from zoo.applications.cli import main

from zoo.decoding import Word, srt, vtt
from zoo.models import DeepSpeech
from zoo.preprocessing import AudioPreprocessor

RATE = 8000


@pytest.fixture(scope="module")
def app():
    keras.utils.set_random_seed(2)
    preprocessor = AudioPreprocessor(RATE, num_mels=20, alphabet=" abc")
    return SpeechRecognizer(DeepSpeech(5, units=8, num_layers=1, conv_filters=(4, 4)), preprocessor)


@pytest.fixture
def files(tmp_path, app):
    app.save_pretrained(tmp_path / "mine")
    for i in range(2):
        audio = np.random.default_rng(i).normal(0, 0.1, RATE * 3)
        soundfile.write(tmp_path / f"{i}.wav", audio, RATE)
    return [tmp_path / "0.wav", tmp_path / "1.wav"]


def zoo(*arguments):
    done = CliRunner().invoke(main, ["transcribe", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def test_every_format_holds_the_same_words(app, files):
    weights = ("--weights", files[0].parent / "mine")
    found = app.transcribe(files)
    assert zoo(*files, *weights) == f"{found[0]}\n{found[1]}\n"
    for option in (("--json",), ("--format", "json")):
        rows = [json.loads(line) for line in zoo(*files, *option, *weights).splitlines()]
        assert [row["text"] for row in rows] == found
        assert rows[0]["words"][0]["begin"] == found[0].words[0].begin
    subtitles = zoo(files[0], "--format", "srt", *weights)
    assert subtitles == srt(found[0].words) + "\n"
    out = files[0].parent / "out"
    zoo(*files, "--format", "vtt", "--out", out, *weights)
    assert (out / "1.vtt").read_text() == vtt(found[1].words) + "\n"


def test_subtitles_break_at_pauses_and_long_lines():
    words = [Word(f"word{i}", i * 0.5 + (i > 4), i * 0.5 + 0.4 + (i > 4), 1.0) for i in range(12)]
    blocks = srt(words).split("\n\n")
    assert blocks[0] == "1\n00:00:00,000 --> 00:00:02,400\nword0 word1 word2 word3 word4"
    assert blocks[1].startswith("2\n00:00:03,500 -->")
    assert all(len(block.splitlines()[-1]) <= 42 for block in blocks)
    assert vtt([]) == "WEBVTT"
    assert srt([]) == ""


def test_the_picture_is_one_png(app, files, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    app.picture(files[0], tmp_path / "heard.png")
    zoo(files[0], "--picture", tmp_path / "told.png", "--weights", tmp_path / "mine")
    app.picture([np.zeros(RATE, "float32")], tmp_path / "silence.png")
    app.picture(files[0], tmp_path / "aligned.png", text="ab ca")
    for name in ("heard", "told", "silence", "aligned"):
        data = (tmp_path / f"{name}.png").read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert len(data) > 10_000
    assert (tmp_path / "heard.png").read_bytes() == (tmp_path / "told.png").read_bytes()
    with pytest.raises(ValueError, match="fits into"):
        app.picture([np.zeros(300, "float32")], tmp_path / "x.png", text="abcabc" * 9)


def test_a_long_file_goes_through_in_pieces_with_progress(app, tmp_path, capsys, monkeypatch):
    """Seven minutes; the network sees at most 30 s at a time, and nothing is lost or said twice."""
    rng = np.random.default_rng(0)
    audio = np.tile(rng.normal(0, 0.1, RATE * 7), 60).astype("float32")
    soundfile.write(tmp_path / "long.wav", audio, RATE)
    sizes, network = [], app._network
    monkeypatch.setattr(
        type(app), "_network", property(lambda self: lambda a, n: sizes.append(a.shape) or network(a, n))
    )
    (log_probs,) = app.predict(str(tmp_path / "long.wav"), batch_size=4, verbose=1)
    assert max(size[1] for size in sizes) <= 30.1 * RATE
    assert len(log_probs) == app.steps([len(audio)])[0]
    assert "100%" in capsys.readouterr().err
    words = app.transcript(log_probs).words
    assert all(a.end <= b.end for a, b in itertools.pairwise(words))
    assert math.isclose(len(log_probs) * app.step_seconds, len(audio) / RATE, abs_tol=0.1)
