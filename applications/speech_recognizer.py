"""Speech recognition: waveforms, file bytes or paths in; text out, with word times.

Shapes: N utterances, B batch, T frames, F mel bins, S steps of the network's output, V characters with the
blank, L characters of a transcript.
"""

import contextlib
import itertools
import os
import pathlib
import warnings

import keras
import numpy as np
import tensorflow as tf
import tqdm
from zoo.applications import speech_picture, speech_serving, speech_streaming
from zoo.applications.application import Application
from zoo.applications.arguments import made, named
from zoo.applications.graphs import graph
from zoo.applications.recipes.speech_fine_tune import RECIPE

from zoo import models
from zoo.datasets import AudioDataset, load, read_speech
from zoo.datasets.speech_files import holds_speech
from zoo.decoding import BeamSearch, NGram
from zoo.decoding.ctc_greedy import greedy_transcript
from zoo.files import atomic_path, read_text
from zoo.losses import CTC
from zoo.metrics import character_errors, word_errors
from zoo.metrics.ctc_error_rate import CTCErrorRate
from zoo.preprocessing import AudioAugmentation, AudioPreprocessor, audio_list, waveform
from zoo.preprocessing.recordings import Recordings
from zoo.preprocessing.speech_batches import speech_batches
from zoo.preprocessing.text_input import text_list
from zoo.preprocessing.wordpiece import to_text

CHUNK_SECONDS, OVERLAP_SECONDS = 30.0, 2.0
LANGUAGE_MODEL = "language_model.arpa.gz"


@keras.saving.register_keras_serializable("zoo")
class SpeechRecognizer(Application):
    """Text for an utterance, by CTC over characters.

    Args:
        model: a `zoo.models.DeepSpeech`, features [B, T, F] to logits [B, S, V].
        preprocessor: a `zoo.preprocessing.AudioPreprocessor` with an alphabet of V - 1 characters.
        decoder: a `zoo.decoding.BeamSearch`; None for greedy decoding; or what `get_config` gives for it, a
            dict. It is saved with the application, its language model as language_model.arpa.gz, and is part
            of the exported SavedModel.
        **kwargs: `name`, `dtype`.

    Raw audio x, everywhere: a list of paths, of encoded bytes (WAV; FLAC, OGG and MP3 with soundfile), of
    waveforms [n] in -1..1 at the preprocessor's sample rate, or of pairs (waveform, sample rate); one path;
    an array [N, n]. Transcripts y: N strings over the preprocessor's alphabet. Where there is no y, x may
    be a `zoo.datasets.AudioDataset`, or what `zoo.datasets.read_speech` reads: a manifest or a folder.

    Example:
        >>> model = zoo.models.deep_speech_small(vocabulary_size=29)
        >>> app = SpeechRecognizer(model, AudioPreprocessor(8000, num_mels=40))
        >>> app.transcribe([np.zeros(0, "float32")])  # silence without end or beginning
        ['']
    """

    default_recipe = RECIPE
    overrides = ("precision",)
    weighs_examples = False
    _compressed = False
    length_unit = "frames"

    def __init__(self, model, preprocessor, decoder=None, **kwargs):
        super().__init__(model, preprocessor, **kwargs)
        self._awaits_language_model = False
        if isinstance(decoder, dict):
            decoder = dict(decoder)
            self._awaits_language_model = decoder.pop("language_model", None) is not None
            decoder = BeamSearch(**decoder)
        self.decoder = decoder
        object.__setattr__(self, "_file_lengths", {})  # no state of a model: Keras would track it
        if model.vocabulary_size != preprocessor.vocabulary_size:
            raise ValueError(
                f"model: expected {preprocessor.vocabulary_size} classes, one for each character of the "
                f"alphabet and the blank, found {model.vocabulary_size}"
            )
        self.build(None)

    def build(self, input_shape=None):
        if not self.model.built:
            self.model.build((None, None, self.preprocessor.num_mels))
        self.built = True

    @classmethod
    def from_recipe(cls, recipe, examples):
        """What `recipe` begins with, for the characters of its preprocessor."""
        if recipe.start:
            return cls.from_pretrained(recipe.start, precision=recipe.precision)
        preprocessor = made(AudioPreprocessor, recipe.preprocessor, "preprocessor")
        builder = named(models, recipe.model, "model")
        model = builder(vocabulary_size=preprocessor.vocabulary_size, dtype=recipe.precision)
        return cls(model, preprocessor, _decoder(recipe.decoder, examples, preprocessor))

    def call(self, inputs, training=None):
        """{"features": float [B, T, F], "frames": int32 [B]} -> logits and steps as `CTC.pack_logits`."""
        logits = self.model(inputs["features"], lengths=inputs["frames"], training=training)
        return CTC.pack_logits(logits, self.model.output_lengths(inputs["frames"]))

    def lengths(self, inputs):
        return inputs["frames"]

    def example_spec(self):
        frames = 1000
        return tf.TensorSpec((None, frames, self.preprocessor.num_mels), "float32"), frames

    def loss_and_metrics(self, recipe):
        """CTC loss a character, and the character and word error rates of greedy decoding."""
        metrics, alphabet = [CTCErrorRate(name="cer")], self.preprocessor.alphabet
        if " " in alphabet:
            metrics.append(CTCErrorRate(alphabet.index(" ") + 1, name="wer"))
        return {"loss": CTC(per_label=True), "metrics": metrics}

    def training_data(self, x, y=None, sample_weight=None, batch_size=16, shuffle=True):
        """Raw examples -> shuffled, augmented batches (inputs, packed labels) of like durations."""
        augment = made(AudioAugmentation, self.recipe.augment, "augment")
        return self._batches(x, y, sample_weight, batch_size, shuffle, augment)

    def inference_data(self, x, y=None, sample_weight=None, batch_size=16, labelled=True):
        """Raw examples -> batches as in training, neither shuffled nor augmented, the longest first."""
        if not labelled:
            y = None
        return self._batches(x, y, sample_weight, batch_size, shuffle=False)

    def _batches(self, x, y, sample_weight, batch_size, shuffle, augment=None):
        if isinstance(x, tf.data.Dataset):
            return x  # batches that Keras hands back in validation
        x, y = _pair(x, y)
        if y is None and augment is not None:
            raise ValueError("y: expected transcripts, one for each utterance of x, found None")
        waves = Recordings(x, self.preprocessor.sample_rate, self._file_lengths)
        texts = self._checked_texts(y, waves.lengths)
        data = speech_batches(waves, texts, self.preprocessor, batch_size, shuffle)

        def prepare(audio, samples, labels=None, label_lengths=None):
            if augment is not None:
                audio, samples = augment.waveforms(audio, samples)
            features, frames = self.preprocessor(audio, samples)
            if augment is not None:
                hop, bins = self.preprocessor.hop, self.preprocessor.bins
                features = augment.features(features, frames, hop, bins)
            features = self.preprocessor.in_steps(features)
            inputs = {"features": features, "frames": frames}
            if labels is None:
                return inputs
            return inputs, tf.concat([labels, label_lengths[:, None]], 1)  # as `CTC.pack_labels` does

        return data.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)

    def _waveforms(self, x):
        return [waveform(item, self.preprocessor.sample_rate, i) for i, item in enumerate(audio_list(x))]

    def _checked_texts(self, y, samples):
        """Transcripts as strings; warns of rows that are too long for their audio."""
        if y is None:
            return None
        texts = [self.preprocessor.plain(to_text(text)) for text in text_list(y, "y")]
        if len(texts) != len(samples):
            raise ValueError(
                f"y: expected as many transcripts as utterances ({len(samples)}), found {len(texts)}"
            )
        if not samples.all():
            row = int(np.argmin(samples))
            raise ValueError(f"x: expected sound to learn from in row {row}, found an empty waveform")
        steps = self.steps(samples)
        needed = [len(text) + sum(a == b for a, b in itertools.pairwise(text)) for text in texts]
        rows = [row for row, count in enumerate(needed) if count > steps[row]]
        if rows:
            row = rows[0]
            warnings.warn(
                f"y: {len(rows)} of {len(texts)} transcripts are longer than their audio allows and teach "
                f"nothing, rows {rows[:10]}; row {row} needs {needed[row]} steps and has {steps[row]}",
                stacklevel=5,
            )
        return texts

    def steps(self, samples):
        """int [N] samples -> int [N] steps of the network's output."""
        frames = self.preprocessor.num_frames(tf.constant(samples, "int32"))
        return self.model.output_lengths(frames).numpy()

    @property
    def step_seconds(self):
        """Seconds from one step of the output to the next."""
        return self.model.stride * self.preprocessor.frame_step / self.preprocessor.sample_rate

    def evaluate(self, x, y=None, batch_size=None, sample_weight=None, return_dict=False, **arguments):
        """Loss a character, character and word error rate: a dict with `return_dict`, else a list."""
        if isinstance(x, tf.data.Dataset):  # Keras in validation
            return keras.Model.evaluate(self, x, return_dict=return_dict, **arguments)
        x, y = _pair(x, y)
        if y is None:
            raise ValueError("y: expected transcripts, one for each utterance of x, found None")
        loss = super().evaluate(x, y, batch_size=batch_size, return_dict=True, **arguments)["loss"]
        found = self.transcribe(x, batch_size=batch_size)
        references = [self.preprocessor.plain(to_text(text)) for text in text_list(y, "y")]
        cer, wer = character_errors(references, found).rate, word_errors(references, found).rate
        result = {"loss": loss, "cer": cer, "wer": wer}
        return result if return_dict else list(result.values())

    def predict(self, x, batch_size=None, verbose=0):
        """Raw audio -> a list of log-probabilities, float32 [S, V] each; class 0 is the blank.

        Audio of more than 30 s goes through the network in pieces that overlap by 2 s; with `verbose` a bar
        on standard error shows how much of it is done.
        """
        pieces, owners = [], []
        for row, wave in enumerate(self._waveforms(x)):
            for piece in self._pieces(wave):
                pieces.append(piece)
                owners.append(row)
        waves = [piece.wave for piece in pieces]
        outputs = self._outputs(waves, self.checked_batch_size(batch_size), verbose)
        rows = [[] for _ in range(max(owners) + 1)]
        for piece, owner, output in zip(pieces, owners, outputs, strict=True):
            rows[owner].append(output[piece.skip : None if piece.stop is None else piece.stop])
        return [np.concatenate(parts) for parts in rows]

    def _pieces(self, wave):
        """Pieces of at most `CHUNK_SECONDS`; each knows which of its steps count."""
        step = self.model.stride * self.preprocessor.frame_step
        chunk, overlap = (
            round(s * self.preprocessor.sample_rate / step) for s in (CHUNK_SECONDS, OVERLAP_SECONDS)
        )
        if len(wave) <= chunk * step:
            return [speech_serving.Piece(wave, 0, None)]
        pieces, begin = [], 0
        while True:
            last = begin + chunk >= len(wave) // step
            skip = overlap // 2 if begin else 0
            stop = None if last else chunk - (overlap - overlap // 2)
            pieces.append(speech_serving.Piece(wave[begin * step : (begin + chunk) * step], skip, stop))
            if last:
                return pieces
            begin += chunk - overlap

    def _outputs(self, waves, batch_size, verbose=0):
        """Log-probabilities of waveforms, those of like length together."""
        order = np.argsort([-len(wave) for wave in waves], kind="stable")
        outputs = [None] * len(waves)
        seconds = sum(map(len, waves)) / self.preprocessor.sample_rate
        bar = tqdm.tqdm(total=round(seconds, 1), unit="s", disable=not verbose)
        for begin in range(0, len(order), batch_size):
            rows = order[begin : begin + batch_size]
            samples = np.array([len(waves[row]) for row in rows], "int32")
            audio = np.zeros((len(rows), max(samples.max(), 1)), "float32")
            for i, row in enumerate(rows):
                audio[i, : samples[i]] = waves[row]
            log_probs, steps = self._network(audio, samples)
            for i, row in enumerate(rows):
                outputs[row] = np.asarray(log_probs[i, : int(steps[i])])
            bar.update(round(samples.sum() / self.preprocessor.sample_rate, 1))
        bar.close()
        return outputs

    @property
    def _network(self):
        """Waveforms to (log-probabilities [B, S, V], steps [B]), as one graph for any shape."""
        if "_graph" not in self.__dict__:
            specs = [tf.TensorSpec((None, None), "float32"), tf.TensorSpec((None,), "int32")]
            network = graph(lambda audio, samples: speech_serving.log_probs(self, audio, samples), specs)
            object.__setattr__(self, "_graph", network)
        return self._graph

    def transcribe(self, x, decoder=None, batch_size=None, verbose=0):
        """Raw audio to text.

        Args:
            x: raw audio, of any length.
            decoder: a function of log-probabilities [S, V], the alphabet and the seconds of a step to a
                `zoo.decoding.Transcript`: a `zoo.decoding.BeamSearch` or `zoo.decoding.greedy_transcript`; by
                default the application's own.
            batch_size: utterances that go through the network together.
            verbose: 1 for a progress bar, for hours of sound.

        Returns: for each utterance a `zoo.decoding.Transcript`: a str whose `words` hold text, begin and end
        in seconds, and confidence. Silence and empty audio give "".
        """
        outputs = self.predict(x, batch_size=batch_size, verbose=verbose)
        return [self.transcript(output, decoder) for output in outputs]

    def transcript(self, log_probs, decoder=None):
        """One of `predict`'s outputs, [S, V], as text; see `transcribe`."""
        decode = decoder or self.decoder or greedy_transcript
        return decode(log_probs, self.preprocessor.alphabet, self.step_seconds)

    def picture(self, x, path, text=None):
        """Draws waveform, log-mel features, CTC posteriors and alignment of one utterance into a PNG.

        Args:
            x: raw audio, one path, bytes or a list of one.
            path: the file.
            text: what is said, for a forced alignment; by default what is heard.
        """
        (wave,) = self._waveforms(x)
        speech_picture.draw(self, wave, self.predict([wave])[0], path, text)

    def stream(self, pieces, decoder=None):
        """Sound piece by piece to text as far as it is known.

        Args:
            pieces: an iterable of waveforms [n] at the preprocessor's sample rate.
            decoder: as of `transcribe`.

        Yields: a `zoo.decoding.Transcript` of everything so far, for every piece and once at the end, which
        is that of `transcribe` on the whole.

        Raises: ValueError unless the model goes one way and the preprocessor normalizes as it goes.
        """
        alphabet, step, state = self.preprocessor.alphabet, self.step_seconds, None
        decoder = decoder or self.decoder
        greedy, outputs = speech_streaming.GreedyText(), []
        nothing = np.zeros(0, "float32")
        for piece in itertools.chain(pieces, [None]):
            final = piece is None
            wave = nothing if final else waveform(piece, self.preprocessor.sample_rate)
            log_probs, state = speech_streaming.log_probs(self, wave[None], state, final)
            if decoder is None:
                greedy.add(log_probs[0].numpy())
                yield greedy.transcript(alphabet, step)
            else:
                outputs.append(log_probs[0].numpy())
                yield decoder(np.concatenate(outputs), alphabet, step)

    def export(self, folder, compressed=False):
        """As of `Application`; with `compressed` a signature "files" decodes FLAC, OGG and MP3 in the graph.

        That needs tensorflow-io, here and in the process that loads the SavedModel.
        """
        object.__setattr__(self, "_compressed", compressed)
        try:
            super().export(folder)
        finally:
            object.__setattr__(self, "_compressed", False)

    def signatures(self):
        """Name -> (function, input specifications) of the exported SavedModel.

        See `speech_serving`, and `speech_streaming` for a model that goes one way.
        """
        streaming = speech_streaming.signatures(self) if speech_streaming.streams(self) else {}
        return {**speech_serving.signatures(self, self._compressed), **streaming}

    def export_example(self):
        """Raw inputs of each signature on which `export` compares the SavedModel with `predict`."""
        streaming = speech_streaming.example(self) if speech_streaming.streams(self) else {}
        return {**speech_serving.example(self, self._compressed), **streaming}

    def to_answer(self, outputs):
        return outputs

    def save_assets(self, folder):
        """The language model beside the other files of a pretrained folder or in a `.keras` file."""
        if self.decoder is not None and self.decoder.language_model is not None:
            with atomic_path(pathlib.Path(folder) / LANGUAGE_MODEL) as partial:
                self.decoder.language_model.save(partial)

    def load_assets(self, folder):
        if not self._awaits_language_model:
            return
        path = pathlib.Path(folder) / LANGUAGE_MODEL
        if not path.is_file():
            raise ValueError(f"name: expected {LANGUAGE_MODEL} beside the weights, found none in {folder}")
        self.decoder.language_model = NGram.load(path)

    def get_config(self):
        decoder = self.decoder and self.decoder.get_config()
        if decoder and self.decoder.language_model is not None:
            decoder["language_model"] = LANGUAGE_MODEL
        return {**super().get_config(), "decoder": decoder}

    def card(self):
        rate = self.preprocessor.sample_rate
        return {
            "task": "automatic-speech-recognition",
            "example": 'app.transcribe(["speech.wav"])',
            "input": f"speech, mono, {rate:,} Hz (files of other rates are resampled); "
            f"{self.preprocessor.num_mels} mel bins every {1000 * self.preprocessor.hop:g} ms.",
            "output": f"text of the characters {self.preprocessor.alphabet!r}.",
            "limits": "It knows the voices and words it was trained on best. Measure it on your own "
            "recordings before relying on it.",
        }

    def lines(self, inputs, **options):
        """For `zoo predict`: yields (text to print, what to write as JSON) for each path of `inputs`."""
        for source, transcript in zip(inputs, self.transcribe(inputs), strict=True):
            words = [word._asdict() for word in transcript.words]
            yield str(transcript), {"file": str(source), "text": str(transcript), "words": words}

    @contextlib.contextmanager
    def _explained(self, x):
        """Bad audio is found before any pipeline runs, so there is nothing to explain."""
        yield


def _decoder(arguments, examples, preprocessor):
    """The beam search of a recipe, with a language model of the training transcripts; None for none."""
    arguments = dict(arguments)
    if not arguments:
        return None
    counted = {key: arguments.pop(key) for key in ("order", "least") if key in arguments}
    texts, more = list(_pair(examples, None)[1]), arguments.pop("texts", ())
    for name in [more] if isinstance(more, str) else more:
        is_file = pathlib.Path(name).suffix == ".txt"
        texts += read_text(name).splitlines() if is_file else list(load(name).examples)
    plain = [preprocessor.plain(to_text(text)) for text in texts]
    decoder = made(BeamSearch, arguments, "decoder")
    decoder.language_model = NGram.train(
        (text for text in plain if text and not set(text) - set(preprocessor.alphabet)), **counted
    )
    return decoder


def _pair(x, y):
    """(audio, transcripts): both from x where it is a data set, a manifest or a folder and y is None."""
    if y is None and isinstance(x, (str, os.PathLike)) and (os.path.isdir(x) or holds_speech(x)):
        x = read_speech(x)
    return tuple(x) if y is None and isinstance(x, AudioDataset) else (x, y)
