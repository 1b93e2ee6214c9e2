"""Augmentation of speech by true lengths: speed, gain, noise on waveforms; SpecAugment on features.

Shapes: B batch, N samples, T frames, F mel bins.
"""

import numpy as np
import tensorflow as tf

from zoo.preprocessing.mel import hertz_to_mel

TELEPHONE = (3200.0, 4000.0)  # Hz, where a line ends
_SMOOTH = 4096
_POINTS = 4  # from the first bin to the last, where a curve over the bins is random


class AudioAugmentation:
    """Random changes of a batch, in tf.data. Every argument at its default does nothing.

    Args:
        speed: share s; each row is played 1 - s to 1 + s times as fast (arXiv:1409.3215's name for it is
            speed perturbation, Ko et al. 2015).
        gain: decibels g; each row becomes up to g louder or softer.
        noise: largest level of white noise, relative to the row's root mean square.
        narrow: share of the rows that lose what a telephone line loses: all above a random 3.2 to 4 kHz.
        sample_rate: of the waveforms in Hz, for `narrow`.
        dither: standard deviation of noise on every sample, in units of full scale.
        time_masks, time_width: stretches of up to `time_width` seconds set to 0, of `hop` seconds a frame.
        warp: share w; each row's frequencies become 1 - w to 1 + w times as high at the same pace, and again
            at each of three points, as of another vocal tract (after vocal tract length perturbation, Jaitly
            and Hinton 2013).
        channel: c; normalized features get an offset of up to c deviations and a curve over the bins of up to
            c again, as of other pauses and another microphone.
        mel_masks, mel_width: bands of up to `mel_width` bins set to 0 (SpecAugment, arXiv:1904.08779).

    Example:
        >>> augment = AudioAugmentation(speed=0.1, mel_masks=1, mel_width=8)
        >>> audio, lengths = augment.waveforms(tf.ones((2, 800)), tf.constant([800, 400]))
        >>> augment.features(tf.ones((2, 30, 40)), tf.constant([30, 20]), 0.01).shape
        TensorShape([2, 30, 40])
    """

    def __init__(
        self,
        speed=0.0,
        gain=0.0,
        noise=0.0,
        dither=0.0,
        time_masks=0,
        time_width=0.1,
        mel_masks=0,
        mel_width=8,
        narrow=0.0,
        sample_rate=16000,
        warp=0.0,
        channel=0.0,
    ):
        if not 0 <= speed < 1:
            raise ValueError(f"speed: expected a share in [0, 1), found {speed}")
        if not 0 <= narrow <= 1:
            raise ValueError(f"narrow: expected a share in [0, 1], found {narrow}")
        if not 0 <= warp < 0.5:
            raise ValueError(f"warp: expected a share in [0, 0.5), found {warp}")
        self.narrow, self.sample_rate = narrow, sample_rate
        self.warp, self.channel = warp, channel
        self.speed, self.gain, self.noise, self.dither = speed, gain, noise, dither
        self.time_masks, self.time_width = time_masks, time_width
        self.mel_masks, self.mel_width = mel_masks, mel_width

    def waveforms(self, audio, lengths):
        """float32 [B, N], int32 [B] -> the same, changed."""
        if self.speed:
            audio, lengths = _speed(audio, lengths, self.speed)
        if self.narrow:
            audio = _narrow(audio, self.narrow, self.sample_rate)
        inside = tf.sequence_mask(lengths, tf.shape(audio)[1], dtype="float32")
        rows = (tf.shape(audio)[0], 1)
        if self.noise:
            power = tf.reduce_sum(audio**2, axis=1, keepdims=True)
            level = tf.sqrt(power / tf.maximum(tf.cast(lengths, "float32")[:, None], 1.0))
            level *= tf.random.uniform(rows, 0.0, self.noise)
            audio += level * tf.random.normal(tf.shape(audio))
        if self.gain:
            audio *= 10.0 ** (tf.random.uniform(rows, -self.gain, self.gain) / 20.0)
        if self.dither:
            audio += self.dither * tf.random.normal(tf.shape(audio))
        return audio * inside, lengths

    def features(self, features, frames, hop, bins=None):
        """float32 [B, T, F], normalized, int32 [B] -> the same by another voice, with gaps of 0, their mean.

        Args:
            features, frames: of speech, and how many of them count.
            hop: seconds from frame to frame.
            bins: Hz in the middle of each mel bin, [F] evenly spaced in mel; for `warp`.

        Raises: ValueError for `warp` without `bins`.
        """
        if self.warp and bins is None:
            raise ValueError("bins: expected the mel bins' frequencies for warp, found None")
        if self.warp:
            features = _warped(features, bins, self.warp)
        batch, time, count = tf.unstack(tf.shape(features))
        if self.channel:
            offset = tf.random.uniform((batch, 1), -self.channel, self.channel)
            points = offset + tf.random.uniform((batch, _POINTS), -self.channel, self.channel)
            inside = tf.sequence_mask(frames, time, dtype="float32")[..., None]
            features += _over_bins(points, features.shape[-1])[:, None] * inside
        width = max(1, round(self.time_width / hop))
        for _ in range(self.time_masks):
            features *= _gap(batch, time, width)[:, :, None]
        for _ in range(self.mel_masks):
            features *= _gap(batch, count, self.mel_width)[:, None]
        return features


def _speed(audio, lengths, share):
    """Each row faster or slower, by linear interpolation; N becomes that of the longest row."""
    count = tf.shape(audio)[1]
    factor = tf.random.uniform((tf.shape(audio)[0], 1), 1.0 - share, 1.0 + share)
    new_lengths = tf.cast(tf.cast(lengths, "float32") / factor[:, 0], "int32")
    new_count = tf.reduce_max(new_lengths)
    position = tf.cast(tf.range(new_count), "float32")[None] * factor
    before = tf.minimum(tf.cast(position, "int32"), tf.maximum(count - 2, 0))
    after = tf.minimum(before + 1, count - 1)
    share_after = tf.minimum(position - tf.cast(before, "float32"), 1.0)
    left, right = (tf.gather(audio, index, batch_dims=1) for index in (before, after))
    return left + share_after * (right - left), new_lengths


def _narrow(audio, share, sample_rate):
    """`share` of the rows without what lies above a random edge of theirs."""
    rows = (tf.shape(audio)[0], 1)
    count = tf.shape(audio)[1]
    count += -count % _SMOOTH  # a transform of a length with small factors is several times as fast
    spectrum = tf.signal.rfft(audio, [count])
    hertz = tf.linspace(0.0, sample_rate / 2, tf.shape(spectrum)[1])[None]
    edge = tf.random.uniform(rows, *TELEPHONE)
    kept = (hertz < edge) | (tf.random.uniform(rows) >= share)
    narrowed = tf.signal.irfft(spectrum * tf.cast(kept, spectrum.dtype), [count])
    return narrowed[:, : tf.shape(audio)[1]]


def _warped(features, bins, share):
    """Each row with its frequencies times factors of its own, of three points; the last bin stays."""
    batch, count = tf.shape(features)[0], features.shape[-1]
    common = tf.random.uniform((batch, 1), -share, share)
    points = common + tf.random.uniform((batch, _POINTS - 1), -share, share)
    factors = 1.0 + _over_bins(tf.pad(points, ((0, 0), (0, 1))), count)
    mels = hertz_to_mel(bins / factors)  # where a bin finds what it shows, [B, F]
    first, last = (hertz_to_mel(bins[i]) for i in (0, -1))
    position = tf.clip_by_value((mels - first) / (last - first), 0.0, 1.0) * (count - 1)
    shares = tf.nn.relu(1.0 - tf.abs(tf.range(count, dtype="float32")[:, None] - position[:, None]))
    return tf.matmul(features, shares)  # linear between two bins


def _over_bins(points, count):
    """Points [B, P] joined by lines over the bins: [B, F]."""
    places = np.arange(points.shape[1])
    lines = [np.interp(np.linspace(0, places[-1], count), places, row) for row in np.eye(len(places))]
    return tf.matmul(points, tf.constant(np.array(lines), "float32"))


def _gap(batch, size, width):
    """1 with one stretch of zeros a row, of 0 to `width`: float32 [B, size]."""
    length = tf.random.uniform((batch, 1), 0, width + 1, "int32")
    begin = tf.cast(tf.random.uniform((batch, 1)) * tf.cast(tf.maximum(size - length, 1), "float32"), "int32")
    index = tf.range(size)[None]
    return 1.0 - tf.cast((index >= begin) & (index < begin + length), "float32")
