"""Voice activity: waveforms, file bytes or paths in; the spans of time in which somebody speaks out.

Shapes: B batch, N samples, T frames of 32 ms.
"""

import numpy as np
import tensorflow as tf
from keras import saving
from zoo.applications.application import Application
from zoo.applications.graphs import graph

from zoo import models
from zoo.decoding import voice_spans
from zoo.hub.checkpoint import zero_initialized
from zoo.hub.foreign_silero import load_silero
from zoo.models.silero_vad import FRAME
from zoo.preprocessing import WaveformPreprocessor


@saving.register_keras_serializable("zoo")
class VoiceActivity(Application):
    """Where in a recording somebody speaks.

    Args:
        model: a `zoo.models.SileroVad`.
        preprocessor: a `zoo.preprocessing.WaveformPreprocessor` of 16,000 Hz.
        **kwargs: `name`, `dtype`.

    Raw audio x: as of `SpeechRecognizer`. For prediction only: it has no `fit`.

    Example:
        >>> app = VoiceActivity(zoo.models.SileroVad(filters=(8, 4, 4, 8), units=8), WaveformPreprocessor())
        >>> app.detect([np.zeros(0, "float32")])
        [[]]
    """

    overrides = ("precision",)

    def __init__(self, model, preprocessor, **kwargs):
        super().__init__(model, preprocessor, **kwargs)
        if preprocessor.sample_rate != 16000:
            raise ValueError(
                f"preprocessor: expected a sample rate of 16000, found {preprocessor.sample_rate}"
            )
        self.build(None)

    def build(self, input_shape=None):
        if not self.model.built:
            self.model.build()
        self.built = True

    @classmethod
    def from_weights(cls, weights, path, precision):
        """From the file of a registered detector."""
        with zero_initialized():
            app = cls(getattr(models, weights.model)(dtype=precision), WaveformPreprocessor())
        load_silero(app.model, path)
        return app

    def call(self, inputs, training=None):
        """Waveforms, float [B, N] -> probabilities, float32 [B, T]."""
        return self.model(inputs)

    def fit(self, *arguments, **options):
        raise NotImplementedError("VoiceActivity has no fit: it comes with trained weights and detects")

    evaluate = fit

    @property
    def frame_seconds(self):
        """Length of a frame: 0.032 s."""
        return FRAME / self.preprocessor.sample_rate

    def predict(self, x, batch_size=16, verbose=0):
        """Raw audio -> a list of probabilities of speech, float32 [T] each, one every 32 ms."""
        batch_size = self.checked_batch_size(batch_size)
        waves = self.preprocessor.waveforms(x)
        order = np.argsort([-len(wave) for wave in waves], kind="stable")
        outputs = [np.zeros(0, "float32")] * len(waves)
        for begin in range(0, len(order), batch_size):
            rows = [row for row in order[begin : begin + batch_size] if len(waves[row])]
            if rows:
                audio, samples = self.preprocessor.padded([waves[row] for row in rows])
                found = np.asarray(self._network(audio))
                for row, frames, count in zip(rows, found, -(-samples // FRAME), strict=True):
                    outputs[row] = frames[:count]
        return outputs

    @property
    def _network(self):
        if "_graph" not in self.__dict__:
            spec = [tf.TensorSpec((None, None), "float32")]
            object.__setattr__(self, "_graph", graph(self.model.call, spec))
        return self._graph

    def detect(self, x, batch_size=16, **options):
        """Raw audio -> for each utterance a list of `zoo.decoding.Span`: begin, end (seconds), confidence.

        Args:
            x: raw audio.
            batch_size: utterances that go through the network together.
            **options: of `zoo.decoding.voice_spans`: threshold, min_speech, min_silence, padding, ...
        """
        return [voice_spans(row, self.frame_seconds, **options) for row in self.predict(x, batch_size)]

    def signatures(self):
        """ "serving_default" takes `audio` float32 [B, N] in -1..1, 16 kHz, and `samples` int32 [B]; it gives
        `probabilities` [B, T], 0 behind each row's end, and `frames` int32 [B].
        """

        def answer(audio, samples):
            frames = -(-samples // FRAME)
            probabilities = self.model(audio)
            inside = tf.sequence_mask(frames, tf.shape(probabilities)[1], dtype=probabilities.dtype)
            return {"probabilities": probabilities * inside, "frames": frames}

        audio = tf.TensorSpec((None, None), "float32", name="audio")
        return {"serving_default": (answer, [audio, tf.TensorSpec((None,), "int32", name="samples")])}

    def export_example(self):
        """Noise of two lengths."""
        rng = np.random.default_rng(0)
        audio, samples = self.preprocessor.padded(
            [rng.normal(0, 0.1, n).astype("float32") for n in (9000, 5000)]
        )
        outputs = self.predict([row[:count] for row, count in zip(audio, samples, strict=True)])
        frames = np.array([len(row) for row in outputs])
        padded = np.stack([np.pad(row, (0, frames.max() - len(row))) for row in outputs])
        expected = {"probabilities": padded, "frames": frames}
        return {"serving_default": ({"audio": audio, "samples": samples}, expected)}

    def card(self):
        return {
            "task": "voice-activity-detection",
            "example": 'app.detect(["speech.wav"])',
            "input": "sound, mono, 16,000 Hz (files of other rates are resampled).",
            "output": "spans of speech in seconds, or the probability of speech every 32 ms.",
            "limits": "Music and loud noise may pass for speech. Measure it on your own recordings.",
        }

    def lines(self, inputs, **options):
        """For `zoo predict`: yields (text to print, what to write as JSON) for each path of `inputs`."""
        for source, spans in zip(inputs, self.detect(inputs), strict=True):
            text = " ".join(f"{span.begin:.2f}-{span.end:.2f}" for span in spans)
            yield f"{source}\t{text}", {"file": str(source), "speech": [span._asdict() for span in spans]}
