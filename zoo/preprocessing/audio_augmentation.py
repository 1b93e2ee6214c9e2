"""Augmentation of speech by true lengths: speed, gain, noise on waveforms; SpecAugment on features.

Shapes: B batch, N samples, T frames, F mel bins.
"""

import tensorflow as tf

TELEPHONE = (3200.0, 4000.0)  # Hz, where a line ends


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
        mel_masks, mel_width: bands of up to `mel_width` bins set to 0 (SpecAugment, arXiv:1904.08779).

    Example:
        >>> augment = AudioAugmentation(speed=0.1, mel_masks=1, mel_width=8)
        >>> audio, lengths = augment.waveforms(tf.ones((2, 800)), tf.constant([800, 400]))
        >>> augment.features(tf.ones((2, 30, 40)), 0.01).shape
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
    ):
        if not 0 <= speed < 1:
            raise ValueError(f"speed: expected a share in [0, 1), found {speed}")
        if not 0 <= narrow <= 1:
            raise ValueError(f"narrow: expected a share in [0, 1], found {narrow}")
        self.narrow, self.sample_rate = narrow, sample_rate
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

    def features(self, features, hop):
        """float32 [B, T, F], normalized -> the same with stretches and bands of 0, their mean."""
        batch, time, bins = tf.unstack(tf.shape(features))
        width = max(1, round(self.time_width / hop))
        for _ in range(self.time_masks):
            features *= _gap(batch, time, width)[:, :, None]
        for _ in range(self.mel_masks):
            features *= _gap(batch, bins, self.mel_width)[:, None]
        return features


def _speed(audio, lengths, share):
    """Each row faster or slower, by linear interpolation; N grows by the largest factor."""
    count = tf.shape(audio)[1]
    factor = tf.random.uniform((tf.shape(audio)[0], 1), 1.0 - share, 1.0 + share)
    new_lengths = tf.cast(tf.cast(lengths, "float32") / factor[:, 0], "int32")
    new_count = tf.cast(tf.cast(count, "float32") / (1.0 - share), "int32")
    position = tf.cast(tf.range(new_count), "float32")[None] * factor
    before = tf.minimum(tf.cast(position, "int32"), tf.maximum(count - 2, 0))
    after = tf.minimum(before + 1, count - 1)
    share_after = tf.minimum(position - tf.cast(before, "float32"), 1.0)
    left, right = (tf.gather(audio, index, batch_dims=1) for index in (before, after))
    return left + share_after * (right - left), new_lengths


def _narrow(audio, share, sample_rate):
    """`share` of the rows without what lies above a random edge of theirs."""
    rows = (tf.shape(audio)[0], 1)
    spectrum = tf.signal.rfft(audio)
    hertz = tf.linspace(0.0, sample_rate / 2, tf.shape(spectrum)[1])[None]
    edge = tf.random.uniform(rows, *TELEPHONE)
    kept = (hertz < edge) | (tf.random.uniform(rows) >= share)
    narrowed = tf.signal.irfft(spectrum * tf.cast(kept, spectrum.dtype), [tf.shape(audio)[1]])
    return tf.reshape(narrowed, tf.shape(audio))


def _gap(batch, size, width):
    """1 with one stretch of zeros a row, of 0 to `width`: float32 [B, size]."""
    length = tf.random.uniform((batch, 1), 0, width + 1, "int32")
    begin = tf.cast(tf.random.uniform((batch, 1)) * tf.cast(tf.maximum(size - length, 1), "float32"), "int32")
    index = tf.range(size)[None]
    return 1.0 - tf.cast((index >= begin) & (index < begin + length), "float32")
