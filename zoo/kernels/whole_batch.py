"""The rows of a batch that several devices share, on each of them; for losses that compare examples."""

import keras


def whole_batch_plain(x):
    """x float [B, ...] as it is: one device, and JAX, see the whole batch."""
    return x


def whole_batch(x):
    """The rows of all replicas of `tf.distribute`, in order; `whole_batch_plain` elsewhere."""
    if keras.backend.backend() == "tensorflow":
        from zoo.kernels.whole_batch_tensorflow import whole_batch_tensorflow

        return whole_batch_tensorflow(x)
    return whole_batch_plain(x)
