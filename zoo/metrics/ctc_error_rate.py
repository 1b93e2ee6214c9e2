"""Character or word error rate of CTC's best path while a model trains."""

import keras


@keras.saving.register_keras_serializable("zoo")
class CTCErrorRate(keras.metrics.Metric):
    """Edits from the best path's characters to the labels, over the labels, on packed tensors of `CTC`.

    Counts on TensorFlow and stays 0 on other backends. Blank is class 0.

    Args:
        space: class of the space, to count words in place of characters.
        name, **kwargs: as in Keras.

    Example:
        >>> from zoo.losses import CTC
        >>> metric = CTCErrorRate()
        >>> logits = keras.ops.one_hot([[1, 0, 2, 2]], 3)
        >>> metric.update_state(CTC.pack_labels([[1, 2, 1]], [3]), CTC.pack_logits(logits, [4]))
        >>> round(float(metric.result()), 4)
        0.3333
    """

    def __init__(self, space=None, name="cer", **kwargs):
        super().__init__(name=name, **kwargs)
        self.space = space
        self.edits = self.add_variable((), initializer="zeros", name="edits")
        self.length = self.add_variable((), initializer="zeros", name="length")

    def update_state(self, y_true, y_pred, sample_weight=None):
        if keras.backend.backend() != "tensorflow":
            return
        import tensorflow as tf

        labels, counts = y_true[:, :-1], y_true[:, -1]
        steps = tf.cast(y_pred[:, 0, -1], "int32")
        best = tf.argmax(y_pred[..., :-1], axis=-1, output_type="int32")  # [B, S]
        before = tf.pad(best[:, :-1], ((0, 0), (1, 0)))
        kept = (best > 0) & (best != before) & tf.sequence_mask(steps, tf.shape(best)[1])
        found = tf.RaggedTensor.from_row_splits(
            tf.boolean_mask(best, kept),
            tf.concat([[0], tf.cumsum(tf.reduce_sum(tf.cast(kept, "int64"), axis=1))], axis=0),
        )
        wanted = tf.RaggedTensor.from_tensor(tf.cast(labels, "int32"), lengths=tf.cast(counts, "int64"))
        if self.space is not None:
            found, wanted = self._words(found), self._words(wanted)
        edits = tf.edit_distance(_sparse(found), _sparse(wanted), normalize=False)
        self.edits.assign_add(tf.reduce_sum(edits))
        self.length.assign_add(tf.cast(tf.size(wanted.flat_values), "float32"))

    def _words(self, classes):
        """Ragged classes -> ragged numbers, one for each different word."""
        import tensorflow as tf

        flat = classes.flat_values  # of ragged arguments `tf.where` takes seconds to trace
        codes = tf.where(flat == self.space, ord(" "), flat + 0x100)  # no white space among them
        text = tf.strings.unicode_encode(classes.with_flat_values(codes), "UTF-8")
        return tf.strings.to_hash_bucket_fast(tf.strings.split(text), 2**62)

    def get_config(self):
        return {**super().get_config(), "space": self.space}

    def result(self):
        return self.edits / keras.ops.maximum(self.length, 1.0)


def _sparse(rows):
    """Ragged to sparse, with an empty row more: the edit distance refuses none, a device's share of a few."""
    import tensorflow as tf

    rows = rows.to_sparse()
    return tf.SparseTensor(rows.indices, rows.values, rows.dense_shape + [1, 0])
