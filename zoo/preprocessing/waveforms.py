"""Raw utterances of any kind to one batch of waveforms.

Shapes: B batch, N samples of the longest.
"""

import keras
import numpy as np

from zoo.preprocessing.audio_input import audio_list, waveform


@keras.saving.register_keras_serializable("zoo")
class WaveformPreprocessor:
    """Paths, bytes and arrays to float32 [B, N] in -1..1 and int32 [B] true lengths, zeros behind them.

    Args:
        sample_rate: of the waveforms, in Hz; what comes at another rate is resampled.

    Example:
        >>> audio, samples = WaveformPreprocessor(8000)([np.ones(3, "float32"), np.ones(5, "float32")])
        >>> audio.shape, samples.tolist()
        ((2, 5), [3, 5])
    """

    def __init__(self, sample_rate=16000):
        self.sample_rate = int(sample_rate)

    def __call__(self, x):
        return self.padded(self.waveforms(x))

    def waveforms(self, x):
        """A list of float32 [n]."""
        return [waveform(item, self.sample_rate, row) for row, item in enumerate(audio_list(x))]

    def padded(self, waves):
        """A list of float32 [n] -> one batch."""
        samples = np.array([len(wave) for wave in waves], "int32")
        audio = np.zeros((len(waves), max(samples.max(), 1)), "float32")
        for row, wave in enumerate(waves):
            audio[row, : len(wave)] = wave
        return audio, samples

    def get_config(self):
        return {"sample_rate": self.sample_rate}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
