"""The mel scale, mel = 2595 log10(1 + f / 700), and filters that are evenly spaced on it."""

import numpy as np
import tensorflow as tf


def hertz_to_mel(frequency):
    """Hz to mel, float32, any shape; a tensor."""
    return 2595.0 / np.log(10.0).astype("float32") * tf.math.log1p(tf.cast(frequency, "float32") / 700.0)


def mel_filters(num_mels, fft_length, sample_rate, low, high):
    """Triangles of equal height, evenly spaced in mel: float32 [fft / 2 + 1, F]."""
    edges = np.linspace(_mel(low), _mel(high), num_mels + 2)
    bins = _mel(np.linspace(0, sample_rate / 2, fft_length // 2 + 1))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling)).astype("float32")


def mel_bins(num_mels, low, high):
    """Hz in the middle of each filter: float32 [F]."""
    edges = np.linspace(_mel(low), _mel(high), num_mels + 2)
    return (700.0 * (10.0 ** (edges[1:-1] / 2595.0) - 1.0)).astype("float32")


def _mel(frequency):
    return 2595.0 * np.log10(1.0 + np.asarray(frequency) / 700.0)
