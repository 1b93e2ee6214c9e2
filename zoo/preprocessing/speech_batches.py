"""Waveforms and transcripts to batches of like durations.

Shapes: B batch, N samples, L characters.
"""

import numpy as np
import tensorflow as tf


def speech_batches(waves, texts, preprocessor, batch_size, shuffle):
    """A dataset of (audio float32 [B, N], samples int32 [B][, labels int32 [B, L], lengths int32 [B]]).

    Rows of a batch are of like duration, so that little is padding: with `shuffle` durations get a tenth of
    random error before sorting and batches come in random order, anew in every epoch, a last smaller batch
    left out; without it the longest come first.

    Args:
        waves: a `zoo.preprocessing.recordings.Recordings`.
        texts: transcripts, or None.
        preprocessor: an `AudioPreprocessor`, which encodes the transcripts.
        batch_size, shuffle: as said.
    """
    seconds = waves.lengths / preprocessor.sample_rate
    targets = None if texts is None else preprocessor.encode(texts)
    drop = shuffle and len(waves) >= batch_size
    count = len(waves) // batch_size if drop else -(-len(waves) // batch_size)
    # The dataset's own seed: `keras.utils.set_random_seed` fixes it.
    rng = np.random.default_rng(np.random.randint(2**31))  # noqa: NPY002

    def order():
        if not shuffle:
            return np.argsort(-seconds, kind="stable")
        rows = rng.permutation(len(waves))
        return rows[np.argsort(-seconds[rows] * rng.uniform(0.95, 1.05, len(rows)), kind="stable")]

    def generate():
        rows = order()
        skipped = rng.integers(0, len(rows) - count * batch_size + 1) if drop else 0
        rows = rows[skipped:]
        for batch in rng.permutation(count) if shuffle else range(count):
            yield pack(rows[batch * batch_size : (batch + 1) * batch_size])

    def pack(rows):
        samples = waves.lengths[rows].astype("int32")
        audio = np.zeros((len(rows), samples.max()), "float32")
        for i, wave in enumerate(waves.rows(rows)):
            audio[i, : samples[i]] = wave[: samples[i]]
        if targets is None:
            return audio, samples
        labels, lengths = (array[rows] for array in targets)
        return audio, samples, labels[:, : max(lengths.max(), 1)], lengths

    signature = [tf.TensorSpec((None, None), "float32"), tf.TensorSpec((None,), "int32")]
    if targets is not None:
        signature += [tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None,), "int32")]
    data = tf.data.Dataset.from_generator(generate, output_signature=tuple(signature))
    return data.apply(tf.data.experimental.assert_cardinality(count))
