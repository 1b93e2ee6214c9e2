"""Progressive resizing: early epochs on smaller images, at a part of the cost (arXiv:2104.00298)."""

import keras
import tensorflow as tf


class ProgressiveSize(keras.callbacks.Callback):
    """Sets the side of training images epoch by epoch; a convolutional network takes any.

    Args:
        sizes: pairs (first epoch, side in pixels), in order of the epoch; from the last pair on, that side.
            Before the first pair, and with no pairs, images keep the size the preprocessor gives them.

    Example:
        >>> size = ProgressiveSize([(0, 20), (8, 28)])
        >>> size.on_epoch_begin(9)
        >>> size.resize(tf.zeros((2, 32, 32, 1))).shape
        TensorShape([2, 28, 28, 1])
    """

    def __init__(self, sizes):
        super().__init__()
        for pair in sizes:
            if len(pair) != 2 or pair[0] < 0 or pair[1] < 1:
                raise ValueError(f"train_sizes: expected pairs (epoch >= 0, pixels >= 1), found {pair}")
        self.sizes = sorted(sizes)
        self.side = tf.Variable(0, dtype="int32", trainable=False)

    def on_epoch_begin(self, epoch, logs=None):
        self.side.assign(([0] + [side for first, side in self.sizes if first <= epoch])[-1])

    def resize(self, images):
        """float [B, H, W, C] -> [B, side, side, C], in the tf.data pipeline too."""
        if not self.sizes:
            return images
        shape = tf.shape(images)[1:3]
        return tf.image.resize(images, tf.where(self.side > 0, self.side, shape), antialias=True)
