"""Sound decoded in the graph; FLAC, OGG and MP3 where tensorflow-io's library loads (TensorFlow 2.16)."""

import io

import numpy as np
import pytest
import tensorflow as tf

from zoo.preprocessing import waveform
from zoo.preprocessing.audio_graph import decode_audio, decode_wav, tensorflow_io_audio

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")


def encoded(form, rate, channels=1, subtype=None):
    time = np.arange(rate) / rate
    audio = 0.3 * np.sin(2 * np.pi * 440 * time)[:, None].repeat(channels, 1)
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format=form, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2)])
def test_wav_in_the_graph_equals_the_host(rate, channels):
    data = encoded("WAV", rate, channels)
    found = tf.function(lambda file: decode_wav(file, 16000))(tf.constant(data))
    np.testing.assert_allclose(found, waveform(data, 16000), atol=1e-4)


def test_an_unusual_rate_is_refused_in_the_graph():
    with pytest.raises(tf.errors.InvalidArgumentError, match="a sample rate among"):
        tf.function(lambda file: decode_wav(file, 16000))(tf.constant(encoded("WAV", 9999)))


@pytest.mark.skipif(tensorflow_io_audio() is None, reason="tensorflow-io does not load with this TensorFlow")
@pytest.mark.parametrize(
    ("form", "subtype"),
    [("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("MP3", None), ("WAV", "PCM_16")],
)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_compressed_files_in_the_graph_equal_the_host(form, subtype, rate):
    data = encoded(form, rate, 2, subtype)
    found = tf.function(lambda file: decode_audio(file, 8000))(tf.constant(data)).numpy()
    expected = waveform(data, 8000)
    if form == "MP3":  # decoders differ in how much silence they leave in front
        count = min(len(found), len(expected))
        shift = np.argmax(np.correlate(found[:count], expected[:count], "full")) - count + 1
        assert abs(shift) < 1200
        assert 0.25 < np.abs(found).max() < 0.35
    else:
        assert len(found) == len(expected)
        np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.skipif(tensorflow_io_audio() is not None, reason="tensorflow-io loads")
def test_without_tensorflow_io_the_error_names_it():
    with pytest.raises(
        ImportError, match=r"tensorflow-io, .* pip install tensorflow==2\.16\.2 keras-zoo\[io\]"
    ):
        decode_audio(tf.constant(encoded("FLAC", 8000)), 8000)
