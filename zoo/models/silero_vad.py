"""Silero VAD: the probability of speech in every 32 ms of sound (github.com/snakers4/silero-vad, version 6).

Shapes: B batch, N samples at 16 kHz, T = ceil(N / 512) frames, C channels, D units.
"""

import keras
from keras import ops

from zoo.layers import LSTM

FRAME, CONTEXT = 512, 64  # samples of a frame, and how many before it its spectrum sees
WINDOW, HOP = 256, 128  # of the learned Fourier transform


@keras.saving.register_keras_serializable("zoo")
class SileroVad(keras.Model):
    """A learned spectrum, four convolutions within a frame, an LSTM from frame to frame, a sigmoid.

    Args:
        filters: channels of the four convolutions.
        units: D of the LSTM.
        **kwargs: `name`, `dtype`.

    Input: waveforms at 16 kHz, float [B, N] in -1..1; the last frame is filled up with zeros. Output:
    probabilities, float32 [B, T]. They depend on what came before only, so silence behind the end of a row
    changes nothing.

    Example:
        >>> SileroVad(filters=(8, 4, 4, 8), units=8)(keras.ops.zeros((2, 1200))).shape
        (2, 3)
    """

    def __init__(self, filters=(128, 64, 64, 128), units=128, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.units = tuple(filters), units
        policy = self.dtype_policy
        # Cosine parts of WINDOW / 2 + 1 frequencies, then sine parts.
        self.spectrum = keras.layers.Conv1D(
            WINDOW + 2, WINDOW, HOP, use_bias=False, name="spectrum", dtype=policy
        )
        self.convs = [
            keras.layers.Conv1D(count, 3, stride, activation="relu", name=f"conv{i + 1}", dtype=policy)
            for i, (count, stride) in enumerate(zip(self.filters, (1, 2, 2, 1), strict=True))
        ]
        self.lstm = LSTM(units, name="lstm", dtype=policy)
        self.head = keras.layers.Dense(1, activation="sigmoid", name="head", dtype="float32")

    def build(self, input_shape=None):
        self.spectrum.build((None, None, 1))
        channels = WINDOW // 2 + 1
        for conv in self.convs:
            conv.build((None, None, channels))
            channels = conv.filters
        self.lstm.build((None, None, channels))
        self.head.build((None, None, self.units))
        self.built = True

    def call(self, audio, training=None):
        probabilities, _ = self.run(audio)
        return probabilities

    def run(self, audio, state=None):
        """`call` that goes on from `state`, what `run` gave for the piece before: the way to stream.

        All pieces but the last must hold whole frames of 512 samples.
        """
        audio = ops.cast(audio, self.compute_dtype)
        count = -(-ops.shape(audio)[1] // FRAME)
        audio = ops.pad(audio, ((0, 0), (0, FRAME - 1)))[:, : count * FRAME]
        before, memory = state or (ops.zeros_like(audio[:, :1]) * ops.ones((1, CONTEXT), audio.dtype), None)
        audio = ops.concatenate([before, audio], axis=1)
        frames = ops.reshape(audio[:, CONTEXT:], (-1, count, FRAME))
        contexts = ops.reshape(audio[:, : count * FRAME], (-1, count, FRAME))[..., :CONTEXT]
        x = self.frame_features(ops.concatenate([contexts, frames], axis=-1))  # [B, T, C]
        x, memory = self.lstm.run(x, memory)
        probabilities = self.head(ops.relu(x))[..., 0]
        return probabilities, (audio[:, count * FRAME :], memory)

    def frame_features(self, frames):
        """Frames with their context, [B, T, 576] -> [B, T, C]."""
        x = ops.reshape(frames, (-1, CONTEXT + FRAME))
        mirrored = ops.flip(x[:, -CONTEXT - 1 : -1], axis=1)
        x = self.spectrum(ops.concatenate([x, mirrored], axis=1)[..., None])  # [B T, 4, 258]
        half = WINDOW // 2 + 1
        x = ops.cast(x, "float32")  # squares leave the range of float16, and the root of 0 has no gradient
        power = ops.square(x[..., :half]) + ops.square(x[..., half:])
        x = ops.cast(ops.sqrt(ops.maximum(power, 1e-12)), self.compute_dtype)
        for conv in self.convs:
            x = conv(ops.pad(x, ((0, 0), (1, 1), (0, 0))))  # [B T, 4, C], 2, 1, 1
        return ops.reshape(x, (-1, ops.shape(frames)[1], self.filters[-1]))

    def compute_output_shape(self, input_shape):
        samples = input_shape[1]
        return input_shape[0], None if samples is None else -(-samples // FRAME)

    def get_config(self):
        return {**keras.layers.Layer.get_config(self), "filters": self.filters, "units": self.units}


def silero_vad(**overrides):
    """The published sizes: 0.31M parameters."""
    return SileroVad(**overrides)
