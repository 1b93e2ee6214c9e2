"""Sound piece by piece: the signatures with explicit state, and the command that reads standard input."""

import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from zoo.applications import SpeechRecognizer
from zoo.applications.cli import main

from zoo.models import DeepSpeech
from zoo.preprocessing import AudioPreprocessor, pcm_pieces, resample, resample_pieces

RATE = 8000


def one_way(normalize="running", **options):
    keras.utils.set_random_seed(1)
    preprocessor = AudioPreprocessor(RATE, num_mels=20, alphabet=" abc", normalize=normalize)
    arguments = {"units": 8, "num_layers": 2, "conv_filters": (4, 4), "lookahead": 2, **options}
    app = SpeechRecognizer(DeepSpeech(5, bidirectional=False, **arguments), preprocessor)
    app.model.head.kernel.assign(20.0 * app.model.head.kernel)  # says more than one letter
    return app


def sound(rows, samples, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, (rows, samples)).astype("float32")


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"normalize": "none", "cell": "lstm", "lookahead": 0}])
def test_exported_stream_equals_the_whole(options, tmp_path):
    app = one_way(**options)
    app.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served")).signatures
    assert set(served) == {"serving_default", "wav", "stream_begin", "stream", "stream_end"}
    audio = sound(2, 7001)
    expected = app.predict(audio)
    for size in (1, 1500, 7001):
        out = served["stream_begin"](audio=tf.constant(audio[:, :size]))
        outputs = [out]
        for begin in range(size, 7001 if size > 1 else 3, size):
            state = {key: value for key, value in out.items() if key.startswith("state")}
            out = served["stream"](audio=tf.constant(audio[:, begin : begin + size]), **state)
            outputs.append(out)
        if size == 1:
            state = {key: value for key, value in out.items() if key.startswith("state")}
            outputs.append(served["stream"](audio=tf.constant(audio[:, 3:]), **state))
            out = outputs[-1]
        state = {key: value for key, value in out.items() if key.startswith("state")}
        outputs.append(served["stream_end"](**state))
        found = np.concatenate([out["log_probs"] for out in outputs], axis=1)
        np.testing.assert_allclose(found, np.stack(expected), atol=1e-4)
        texts = np.array([out["text"] for out in outputs]).T
        for row, transcript in zip(texts, app.transcribe(audio), strict=True):
            assert " ".join(b"".join(row).decode().split()) == transcript


def test_text_of_a_stream_only_grows_and_ends_as_the_whole():
    app, audio = one_way(), sound(1, 9000)[0]
    for size in (700, 4000):
        found = list(app.stream(audio[i : i + size] for i in range(0, len(audio), size)))
        assert all(b.startswith(a) for a, b in itertools.pairwise(found))
        whole = app.transcribe([audio])[0]
        assert found[-1] == whole
        assert [word[:3] for word in found[-1].words] == [word[:3] for word in whole.words]


@pytest.mark.parametrize(("rate", "new_rate"), [(44100, 16000), (8000, 16000), (16000, 8000), (11025, 8000)])
@pytest.mark.parametrize("piece", [1, 333, 5000])
def test_resampled_pieces_are_the_whole(rate, new_rate, piece):
    audio = sound(1, 300 if piece == 1 else 6111)[0]
    pieces = [audio[i : i + piece] for i in range(0, len(audio), piece)]
    found = np.concatenate(list(resample_pieces(pieces, rate, new_rate)))
    np.testing.assert_allclose(found, resample(audio[None], rate, new_rate)[0], atol=1e-5)


class Slow:
    """A pipe that gives odd numbers of bytes."""

    def __init__(self, data):
        self.data = data

    def read(self, count):
        count = min(count, 7) if count > 1 else 1
        out, self.data = self.data[:count], self.data[count:]
        return out


def test_pieces_of_a_pipe_never_split_a_sample():
    samples = np.arange(-50, 50, dtype="<i2")
    found = np.concatenate(list(pcm_pieces(Slow(samples.tobytes() + b"\x01"), RATE)))
    np.testing.assert_array_equal(found * 32768, samples)


def zoo(*arguments, **options):
    return CliRunner().invoke(main, ["transcribe", *map(str, arguments)], **options)


def test_the_command_transcribes_standard_input(tmp_path):
    app, audio = one_way(), sound(1, 20000)[0]
    app.save_pretrained(tmp_path / "mine")
    samples = np.round(audio * 32767).astype("<i2")
    expected = app.transcribe([samples])[0]
    assert expected
    done = zoo("--stream", "--weights", tmp_path / "mine", input=samples.tobytes())
    assert (done.exit_code, done.output) == (0, f"{expected}\n")
    done = zoo("--stream", "--format", "json", "--weights", tmp_path / "mine", input=samples.tobytes())
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert lines[-1]["text"] == expected
    done = zoo("--stream", "--rate", 16000, "--weights", tmp_path / "mine", input=samples.tobytes())
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stream"], "expected 'running' or 'none' to stream, found 'utterance'"),
        (["--stream", "a.wav"], "--stream: expected no files, formats text and json, found FILES"),
        (["--stream", "--format", "srt"], "found --format srt"),
        ([], "files: expected audio files, or --stream for standard input, found none"),
        (["--rate", "8000", "a.wav"], "--rate: expected only with --stream"),
        (["--picture", "p.png", "a.wav", "b.wav"], "--picture: expected one audio file, found 2"),
        (["--format", "vtt", "a.wav", "b.wav"], "--format: expected --out for vtt of several files"),
        (["nowhere.wav"], "expected an audio file, found none at 'nowhere.wav'"),
    ],
)
def test_mistakes_end_in_one_line(arguments, message):
    done = zoo(*arguments, input=b"\x00" * 3200)
    assert done.exit_code == 2
    assert message in done.output
