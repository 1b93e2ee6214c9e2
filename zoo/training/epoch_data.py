"""Training data whose order and augmentation depend on (seed, epoch) only: a run goes on mid-epoch."""

import keras


class EpochData:
    """In place of the data set that Keras iterates: each epoch's is made anew, from its own seed.

    The random state of the process is set by (seed, epoch) before `make` builds the data set and draws from
    it. What a resumed run draws after `skip` batches is then what the killed one would have drawn.

    Args:
        make: () -> a tf.data.Dataset for one epoch.
        seed: of the run.
        epoch, skip: where to begin: batches of that epoch are left out.

    Example:
        >>> import tensorflow as tf
        >>> data = EpochData(lambda: tf.data.Dataset.range(9).shuffle(9), seed=1, epoch=4)
        >>> first = [int(i) for i in data.of_epoch(4)]
        >>> later = EpochData(lambda: tf.data.Dataset.range(9).shuffle(9), seed=1, epoch=4, skip=3)
        >>> [int(i) for i in later.of_epoch(4)] == first[3:]
        True
    """

    def __init__(self, make, seed=0, epoch=0, skip=0):
        self.make = make
        self.seed = seed
        self.first = epoch
        self.skip = skip
        self.current = None
        self._drawn = None
        self._distribute = iter

    def of_epoch(self, epoch):
        """The data set of one epoch."""
        keras.utils.set_random_seed((self.seed * 1_000_003 + epoch) % 2**31)
        data = self.make()
        return data.skip(self.skip) if epoch == self.first and self.skip else data

    def take_over(self, epoch_iterator, distribute):
        """Makes Keras' iterator over epochs iterate this, on TensorFlow; `distribute` shares it."""
        self._distribute = distribute
        self._drawn = None
        epoch_iterator._distributed_dataset = self

    def __iter__(self):
        if self.current == self._drawn:  # Keras asks at the end of an epoch, too, and lets go of the answer
            return iter(())
        self._drawn = self.current
        return iter(self._distribute(self.of_epoch(self.current)))


class EpochNumber(keras.callbacks.Callback):
    """Tells an `EpochData` which epoch begins."""

    def __init__(self, data):
        super().__init__()
        self.data = data

    def on_epoch_begin(self, epoch, logs=None):
        self.data.current = epoch
