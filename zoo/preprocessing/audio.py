"""Waveforms to log-mel features, by true lengths, offline and streamed with the same numbers.

Shapes: B batch, N samples, T frames, F mel bins, W samples of a window, V characters with the blank.
"""

import keras
import numpy as np
import tensorflow as tf

from zoo.metrics.spoken_text import normalize_text
from zoo.preprocessing.mel import mel_bins, mel_filters

NORMALIZATIONS = ("utterance", "running", "none")
TEXTS = ("as_is", "english")
ENGLISH = " 'abcdefghijklmnopqrstuvwxyz"
FRAMES = 32  # `in_steps` rounds up to
_FLOOR = 1e-6  # of mel power: the noise of 16-bit rounding lies below
_PRIOR_FRAMES = 100.0  # weight of the first guess of mean and deviation in running normalization


@keras.saving.register_keras_serializable("zoo")
class AudioPreprocessor:
    """Log-mel features of speech and the characters of its transcript.

    log(mel(|rfft(window * frame)|^2) + 1e-6), one frame every `hop` seconds; the last one is filled up with
    zeros. Normalized per mel bin: over the utterance, or over what came before ("running"), which streams.
    All of it is TensorFlow ops, so one object serves tf.data pipelines and exported graphs.

    Args:
        sample_rate: of the waveforms that go in, in Hz; `resample` brings others to it.
        num_mels: F.
        window, hop: length and distance of frames, in seconds.
        low, high: edges of the mel filters, in Hz; `high` None is half the sample rate.
        normalize: "utterance", "running" or "none".
        alphabet: the characters of transcripts; character i is class i + 1, class 0 is the CTC blank.
        text: how transcripts are brought to the alphabet: "as_is", or "english", which is `normalize_text`:
            lower case, numbers and abbreviations spelled out, no punctuation.

    Example:
        >>> prepare = AudioPreprocessor(8000, num_mels=40)
        >>> features, lengths = prepare(np.zeros((2, 8000), "float32"), [8000, 4000])
        >>> features.shape, lengths.numpy().tolist()
        (TensorShape([2, 99, 40]), [99, 49])
    """

    def __init__(
        self,
        sample_rate=16000,
        num_mels=80,
        window=0.025,
        hop=0.010,
        low=20.0,
        high=None,
        normalize="utterance",
        alphabet=ENGLISH,
        text="as_is",
    ):
        if normalize not in NORMALIZATIONS:
            raise ValueError(f"normalize: expected one of {NORMALIZATIONS}, found {normalize!r}")
        if len(set(alphabet)) != len(alphabet) or not alphabet:
            raise ValueError(f"alphabet: expected different characters, found {alphabet!r}")
        if text not in TEXTS:
            raise ValueError(f"text: expected one of {TEXTS}, found {text!r}")
        high = sample_rate / 2 if high is None else high
        if not 0 <= low < high <= sample_rate / 2:
            raise ValueError(
                f"low, high: expected 0 <= low < high <= {sample_rate / 2:g} Hz, found {low} and {high}"
            )
        self.sample_rate = int(sample_rate)
        self.num_mels = num_mels
        self.window, self.hop = window, hop
        self.low, self.high = low, high
        self.normalize = normalize
        self.alphabet = alphabet
        self.text = text
        self.frame_length = round(window * sample_rate)
        self.frame_step = round(hop * sample_rate)
        self.fft_length = 2 ** int(np.ceil(np.log2(self.frame_length)))
        self._filters = mel_filters(num_mels, self.fft_length, self.sample_rate, low, high)
        self._taper = np.hanning(self.frame_length + 1)[:-1].astype("float32")

    def __call__(self, audio, lengths=None):
        """float [B, N] in -1..1, int [B] samples -> features float32 [B, T, F], int32 [B] frames."""
        audio = tf.cast(tf.convert_to_tensor(audio), "float32")
        if lengths is None:
            lengths = tf.fill(tf.shape(audio)[:1], tf.shape(audio)[1])
        lengths = tf.cast(lengths, "int32")
        inside = tf.sequence_mask(lengths, tf.shape(audio)[1], dtype="float32")
        features = self.log_mel(self._whole_frames(audio * inside))
        frames = self.num_frames(lengths)
        features, _ = self.normalized(features, frames)
        return features, frames

    @staticmethod
    def in_steps(features):
        """[B, T, F] -> the same, T a multiple of 32 by zeros behind: kernels are compiled for each length."""
        return tf.pad(features, ((0, 0), (0, -tf.shape(features)[1] % FRAMES), (0, 0)))

    def num_frames(self, lengths):
        """Frames of waveforms of so many samples: 0 of an empty one, else at least one."""
        more = -(-(lengths - self.frame_length) // self.frame_step)
        return tf.where(lengths > 0, 1 + tf.maximum(more, 0), 0)

    def num_samples(self, frames):
        """Samples from the beginning to the end of so many frames."""
        return (frames - 1) * self.frame_step + self.frame_length

    def _whole_frames(self, audio):
        """Zeros behind, so that every sample lies in a frame."""
        count = self.num_frames(tf.shape(audio)[1])
        missing = tf.maximum(self.num_samples(count) - tf.shape(audio)[1], 0)
        return tf.pad(audio, ((0, 0), (0, missing)))

    def log_mel(self, audio):
        """float32 [B, N] -> [B, T, F] of all whole frames, not normalized."""
        frames = tf.signal.frame(audio, self.frame_length, self.frame_step)  # [B, T, W]
        frames -= tf.reduce_mean(frames, axis=-1, keepdims=True)
        spectrum = tf.signal.rfft(frames * self._taper, [self.fft_length])
        power = tf.math.real(spectrum) ** 2 + tf.math.imag(spectrum) ** 2
        return tf.math.log(tf.matmul(power, self._filters) + _FLOOR)

    def normalized(self, features, frames=None, state=None):
        """Normalized features [B, T, F], 0 behind `frames`; and the state of running normalization.

        state: (count [B, 1, 1], sums [B, 1, F], sums of squares [B, 1, F]) of the frames before.
        """
        if frames is None:
            frames = tf.fill(tf.shape(features)[:1], tf.shape(features)[1])
        inside = tf.sequence_mask(frames, tf.shape(features)[1], dtype="float32")[..., None]
        if self.normalize == "none":
            return features * inside, state
        if self.normalize == "utterance":
            count = tf.maximum(tf.cast(frames, "float32"), 1.0)[:, None, None]
            mean = tf.reduce_sum(features * inside, axis=1, keepdims=True) / count
            centred = (features - mean) * inside
            variance = tf.reduce_sum(centred * centred, axis=1, keepdims=True) / count
            return centred / (tf.sqrt(variance) + 0.1), state
        if state is None:
            one = tf.ones((tf.shape(features)[0], 1, self.num_mels))
            guess = one * tf.math.log(1e-3)  # speech at a usual level; its deviation is about 2
            state = (one[..., :1] * _PRIOR_FRAMES, guess * _PRIOR_FRAMES, (guess**2 + 4) * _PRIOR_FRAMES)
        count, sums, squares = state
        counts = count + tf.cumsum(inside, axis=1)
        sums = sums + tf.cumsum(features * inside, axis=1)
        squares = squares + tf.cumsum(features * features * inside, axis=1)
        mean = sums / counts
        deviation = tf.sqrt(tf.maximum(squares / counts - mean * mean, 0.0))
        new = [tf.concat([s, m], axis=1)[:, -1:] for s, m in zip(state, (counts, sums, squares), strict=True)]
        return (features - mean) / (deviation + 0.1) * inside, tuple(new)

    def stream(self, audio, state=None, final=False):
        """One piece of a stream: float [B, n] -> features of the frames it completes, and the state.

        All pieces together give the features of the whole. With `final` the stream ends.

        Raises: ValueError with normalization over the utterance, which must know the whole.
        """
        if self.normalize == "utterance":
            raise ValueError("normalize: expected 'running' or 'none' to stream, found 'utterance'")
        audio = tf.cast(tf.convert_to_tensor(audio), "float32")
        waiting, done, running = (audio[:, :0], tf.constant(0), None) if state is None else state
        audio = tf.concat([waiting, audio], axis=1)
        if final:  # what earlier frames have seen already is no frame of its own
            overlap = tf.where(done > 0, max(self.frame_length - self.frame_step, 0), 0)
            has_more = tf.shape(audio)[1] > overlap
            audio = tf.cond(has_more, lambda: self._whole_frames(audio), lambda: audio[:, :0])
        count = tf.maximum((tf.shape(audio)[1] - self.frame_length) // self.frame_step + 1, 0)
        whole = tf.pad(audio, ((0, 0), (0, self.frame_length)))
        features, running = self.normalized(self.log_mel(whole)[:, :count], state=running)
        return features, (audio[:, count * self.frame_step :], done + count, running)

    @property
    def bins(self):
        """Hz in the middle of each mel bin, float32 [F]."""
        return mel_bins(self.num_mels, self.low, self.high)

    def plain(self, text):
        """A transcript as it is learned and measured, by `text`."""
        return normalize_text(text) if self.text == "english" else text

    def encode(self, texts):
        """Transcripts to classes: int32 [B, L] filled up with 0, int32 [B] lengths.

        Raises: ValueError that names the characters outside the alphabet, with their counts.
        """
        texts = [self.plain(text) for text in texts]
        table = {character: i + 1 for i, character in enumerate(self.alphabet)}
        foreign = {}
        for text in texts:
            for character in text:
                if character not in table:
                    foreign[character] = foreign.get(character, 0) + 1
        if foreign:
            listed = ", ".join(f"{c!r} x {n}" for c, n in sorted(foreign.items(), key=lambda p: -p[1])[:10])
            row = next(i for i, text in enumerate(texts) if set(text) - set(table))
            raise ValueError(
                f"y: expected transcripts of the characters {self.alphabet!r}, found {listed}, first in row "
                f"{row}: {texts[row]!r}. AudioPreprocessor(text='english') lowers capitals, spells "
                "out numbers and drops punctuation."
            )
        lengths = np.array([len(text) for text in texts], "int32")
        labels = np.zeros((len(texts), max(lengths.max(initial=0), 1)), "int32")
        for row, text in enumerate(texts):
            labels[row, : len(text)] = [table[character] for character in text]
        return labels, lengths

    def decode(self, classes):
        """Classes without blanks to text."""
        return "".join(self.alphabet[c - 1] for c in classes)

    @property
    def vocabulary_size(self):
        """V: the alphabet and the blank."""
        return len(self.alphabet) + 1

    def get_config(self):
        names = "sample_rate num_mels window hop low high normalize alphabet text"
        return {name: getattr(self, name) for name in names.split()}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def resample(audio, rate, new_rate, zeros=16):
    """Waveforms at another sample rate, by a polyphase filter: float [B, N] -> [B, ceil(N new / old)].

    A windowed sinc with `zeros` zero crossings on either side; content above half of the lower rate goes.

    Example:
        >>> resample(np.ones((1, 441), "float32"), 44100, 16000).shape
        TensorShape([1, 160])
    """
    audio = tf.cast(tf.convert_to_tensor(audio), "float32")
    if rate == new_rate:
        return audio
    common = np.gcd(int(rate), int(new_rate))
    up, down = int(new_rate) // common, int(rate) // common
    half = int(np.ceil(zeros * max(1.0, down / up)))  # in samples of the old rate
    # Output k of a block of `up` lies at time k * down / up of its block of `down` inputs.
    taps = np.arange(-half, half + down + 1)[:, None]  # [taps, 1]
    time = np.arange(up)[None] * down / up - taps  # [taps, up]
    cut = min(1.0, up / down) * 0.96
    weights = cut * np.sinc(cut * time) * np.cos(np.pi / 2 * np.clip(time / (half + 1), -1, 1)) ** 2
    weights /= weights.sum(axis=0, keepdims=True)
    length = tf.shape(audio)[1]
    blocks = -(-length // down)
    padded = tf.pad(audio, ((0, 0), (half, blocks * down - length + half + 1)))
    y = tf.nn.conv1d(padded[..., None], weights[:, None].astype("float32"), stride=down, padding="VALID")
    y = tf.reshape(y[:, :blocks], (tf.shape(audio)[0], blocks * up))
    return y[:, : -(-length * up // down)]
