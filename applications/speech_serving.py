"""What an exported SpeechRecognizer does, in graph: waveforms or WAV bytes to text and word times.

Shapes: B batch, N samples, S steps, V characters with the blank, W words of the longest text.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from zoo.decoding.ctc_beam_graph import GraphBeamSearch, align_classes_graph
from zoo.preprocessing.audio_graph import decode_audio, decode_wav

SILENCE = 1e-4  # three steps of a 16-bit sample


class Piece(NamedTuple):
    """A stretch of a long waveform and the steps [skip, stop) of its output that count."""

    wave: np.ndarray
    skip: int
    stop: int | None


def log_probs(app, audio, samples):
    """float32 [B, N], int32 [B] -> log-probabilities float32 [B, S, V], int32 [B] steps.

    Digital silence, which has no level to normalize, is all blanks.
    """
    features, frames = app.preprocessor(audio, samples)
    logits = app.model(app.preprocessor.in_steps(features), lengths=frames, training=False)
    logits = tf.cast(logits[:, : app.model.output_lengths(tf.shape(features)[1])], "float32")
    is_sound = tf.reduce_max(tf.abs(audio), axis=1) > SILENCE
    only_blanks = tf.one_hot(tf.zeros_like(logits[..., 0], "int32"), logits.shape[-1], 0.0, -30.0)
    logits = tf.where(is_sound[:, None, None], logits, only_blanks)
    return tf.nn.log_softmax(logits), app.model.output_lengths(frames)


def greedy_path(log_probs, steps):
    """Best class of every step, repeats merged, blanks dropped: int32 [B, S], 0 where no character begins."""
    best = tf.argmax(log_probs, axis=-1, output_type="int32")
    before = tf.pad(best[:, :-1], ((0, 0), (1, 0)))
    inside = tf.sequence_mask(steps, tf.shape(best)[1])
    return tf.where((best != before) & inside, best, 0)


def beam_path(search):
    """Like `greedy_path`, the likeliest path of the text that a beam search finds."""

    def path(log_probs, steps):
        written = search(log_probs, steps)
        letters = tf.ragged.boolean_mask(written, written > 0)
        return align_classes_graph(log_probs, steps, letters)

    return path


def text_with_times(path, alphabet, step_seconds):
    """What a path says, int32 [B, S] with each character at its first step and 0 elsewhere.

    Returns: "text" [B]; "words", "begins" and "ends" [B, W], times in seconds. Rows with fewer words than W
    end in "" and -1.
    """
    letters = tf.ragged.boolean_mask(path, path > 0)
    steps = tf.zeros_like(path) + tf.range(tf.shape(path)[1])
    times = tf.ragged.boolean_mask(steps, path > 0)
    table = tf.constant(["", *alphabet])
    characters = tf.gather(table, letters)
    spoken = tf.strings.reduce_join(characters, axis=-1)
    text = tf.strings.regex_replace(tf.strings.strip(spoken), " +", " ")
    is_letter = characters.flat_values != " "
    row = letters.value_rowids()
    new_row = tf.concat([[True], row[1:] != row[:-1]], axis=0)[: tf.shape(row)[0]]
    gap_before = tf.concat([[True], ~is_letter[:-1]], axis=0)[: tf.shape(row)[0]] | new_row
    last_of_row = tf.concat([new_row[1:], [True]], axis=0)[: tf.shape(row)[0]]
    gap_after = tf.concat([~is_letter[1:], [True]], axis=0)[: tf.shape(row)[0]] | last_of_row
    begins = tf.ragged.boolean_mask(times, times.with_flat_values(is_letter & gap_before))
    ends = tf.ragged.boolean_mask(times, times.with_flat_values(is_letter & gap_after))
    words = tf.strings.split(text)
    return {
        "text": text,
        "words": words.to_tensor(""),
        "begins": tf.cast(begins, "float32").to_tensor(-1 / step_seconds) * step_seconds,
        "ends": tf.cast(ends + 1, "float32").to_tensor(-1 / step_seconds) * step_seconds,
    }


def signatures(app, compressed=False):
    """ "serving_default" takes `audio` float32 [B, N] in -1..1 and `samples` int32 [B], the true lengths;
    "wav" takes `files`, 16-bit WAV files as strings [B]; with `compressed` "files" takes WAV, FLAC, OGG
    Vorbis and MP3, and the SavedModel then needs `import tensorflow_io` before it is loaded. All give `text`
    [B], `words`, `begins`, `ends` [B, W] (seconds), `log_probs` [B, S, V] and `steps` [B]. A recognizer
    with a beam search writes what that finds.
    """
    rate, alphabet = app.preprocessor.sample_rate, app.preprocessor.alphabet
    path = greedy_path if app.decoder is None else beam_path(GraphBeamSearch(app.decoder, alphabet))

    def from_waveforms(audio, samples):
        outputs, steps = log_probs(app, audio, samples)
        text = text_with_times(path(outputs, steps), alphabet, app.step_seconds)
        inside = tf.sequence_mask(steps, tf.shape(outputs)[1], dtype=outputs.dtype)
        return {**text, "log_probs": outputs * inside[..., None], "steps": steps}

    def from_files(decode):
        def answer(files):
            waves = tf.map_fn(
                lambda file: decode(file, rate),
                files,
                fn_output_signature=tf.RaggedTensorSpec((None,), "float32", ragged_rank=0),
            )
            return from_waveforms(waves.to_tensor(), tf.cast(waves.row_lengths(), "int32"))

        return answer

    files = [tf.TensorSpec((None,), "string", name="files")]
    more = {"files": (from_files(decode_audio), files)} if compressed else {}
    return {
        "serving_default": (
            from_waveforms,
            [
                tf.TensorSpec((None, None), "float32", name="audio"),
                tf.TensorSpec((None,), "int32", name="samples"),
            ],
        ),
        "wav": (from_files(decode_wav), files),
        **more,
    }


def example(app, compressed=False):
    """Two waveforms of different lengths, as arrays and as files."""
    rng, rate = np.random.default_rng(0), app.preprocessor.sample_rate
    waves = [np.round(rng.normal(0, 3000, n)).astype("int16") for n in (rate, rate // 2)]
    audio = np.zeros((2, rate), "float32")
    for row, wave in enumerate(waves):
        audio[row, : len(wave)] = wave / 32768.0
    outputs = app.predict(waves)
    steps = np.array([len(output) for output in outputs])
    padded = np.zeros((2, *outputs[0].shape), "float32")
    for row, output in enumerate(outputs):
        padded[row, : steps[row]] = output
    expected = {"steps": steps, "log_probs": padded}
    files = np.array([tf.audio.encode_wav(w[:, None] / np.float32(32768), rate).numpy() for w in waves])
    samples = np.array([len(wave) for wave in waves], "int32")
    arrays = {"audio": audio, "samples": samples}
    wav = ({"files": files}, expected)
    return {"serving_default": (arrays, expected), "wav": wav, **({"files": wav} if compressed else {})}
