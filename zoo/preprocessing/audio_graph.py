"""Encoded sound to waveforms inside a graph: WAV by TensorFlow; FLAC, OGG Vorbis and MP3 by tensorflow-io.

tensorflow-io's library loads with the TensorFlow that it was built for alone: version 0.37.1 with TensorFlow
2.16. Elsewhere `tensorflow_io_audio()` is None, and such files are read on the host (`read_audio`).

Shapes: N samples.
"""

import functools
import warnings

import tensorflow as tf

from zoo.preprocessing.audio import resample

RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_MP3_RATES = ((11025, 12000, 8000), (0, 0, 0), (22050, 24000, 16000), (44100, 48000, 32000))  # by version


@functools.cache
def tensorflow_io_audio():
    """The module `tensorflow_io.audio` where its compiled part loads, else None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow_io
            from tensorflow_io.python.ops import core_ops

            core_ops.io_audio_decode_flac  # noqa: B018 - loads the library
    except (ImportError, NotImplementedError, AttributeError, tf.errors.OpError):
        return None
    return tensorflow_io.audio


def decode_wav(encoded, sample_rate):
    """One 16-bit WAV file, a scalar string, as mono float32 [N] at `sample_rate`; the usual rates go in."""
    audio, rate = tf.audio.decode_wav(encoded)
    return _at_rate(audio, rate, sample_rate)


def decode_audio(encoded, sample_rate):
    """One WAV, FLAC, OGG Vorbis or MP3 file, a scalar string, as mono float32 [N] at `sample_rate`.

    Raises: ImportError where tensorflow-io does not load; in the graph InvalidArgumentError for other files.
    """
    io = tensorflow_io_audio()
    if io is None:
        raise ImportError(
            "decode_audio: expected tensorflow-io, whose library loads with TensorFlow 2.16: pip install "
            "tensorflow==2.16.2 keras-zoo[io]; elsewhere `zoo.preprocessing.read_audio` reads these files"
        )
    head = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded, 0, 64) + "\0" * 64, "uint8"), "int32")
    magic = tf.strings.substr(encoded, 0, 4)

    def flac():  # STREAMINFO: 20 bits of rate, 3 of channels, 5 of sample width
        rate = head[18] * 2**12 + head[19] * 2**4 + head[20] // 2**4
        bits = head[20] % 2 * 2**4 + head[21] // 2**4 + 1
        audio = tf.cond(
            bits > 16,
            lambda: tf.cast(io.decode_flac(encoded, dtype=tf.int32), "float32") / 2.0**31,
            lambda: tf.cast(io.decode_flac(encoded, dtype=tf.int16), "float32") / 2.0**15,
        )
        return _at_rate(audio, rate, sample_rate)

    def ogg():
        rate = head[40] + head[41] * 2**8 + head[42] * 2**16
        return _at_rate(io.decode_vorbis(encoded), rate, sample_rate)

    def mp3():
        return _at_rate(io.decode_mp3(encoded), _mp3_rate(encoded, head), sample_rate)

    is_mp3 = (tf.strings.substr(encoded, 0, 3) == "ID3") | ((head[0] == 255) & (head[1] >= 224))
    cases = [
        (magic == "RIFF", lambda: decode_wav(encoded, sample_rate)),
        (magic == "fLaC", flac),
        ((magic == "OggS") & (tf.strings.substr(encoded + "\0" * 40, 29, 6) == "vorbis"), ogg),
        (is_mp3, mp3),
    ]
    return tf.case(cases, default=lambda: _refused("files: expected WAV, FLAC, OGG Vorbis or MP3", magic))


def _mp3_rate(encoded, head):
    """Of the first frame, which lies behind an ID3 tag."""
    size = head[6] * 2**21 + head[7] * 2**14 + head[8] * 2**7 + head[9] + 10
    begin = tf.where(tf.strings.substr(encoded, 0, 3) == "ID3", size, 0)
    frame = tf.io.decode_raw(tf.strings.substr(encoded + "\0" * 4, begin, 4), "uint8")
    frame = tf.cast(frame, "int32")
    rates = tf.constant([(*row, 0) for row in _MP3_RATES])
    return tf.gather_nd(rates, [frame[1] // 2**3 % 4, frame[2] // 2**2 % 4])


def _at_rate(audio, rate, sample_rate):
    """[N, channels] at `rate`, one of `RATES`, to mono [n] at `sample_rate`."""
    audio = tf.reduce_mean(audio, axis=-1)
    branches = [(rate == r, lambda r=r: resample(audio[None], r, sample_rate)[0]) for r in RATES]
    return tf.case(
        branches, default=lambda: _refused(f"files: expected a sample rate among {RATES}", rate, audio)
    )


def _refused(message, found, audio=None):
    with tf.control_dependencies([tf.debugging.Assert(False, [message, found])]):
        return tf.zeros((0,)) if audio is None else audio[:0]
