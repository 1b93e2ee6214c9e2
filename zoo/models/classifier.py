"""What the image networks share: a linear head that can be exchanged.

Shapes: B batch, D features, N classes.
"""

import keras


class Classifier(keras.Model):
    """A network with a linear layer `head` on D features; `num_classes=None` leaves it out.

    A subclass sets `num_classes` and `head = self.make_head(num_classes)` in `__init__`, and in `build`
    ends with `self.build_head(D)`.

    Attributes:
        takes_any_size: whether H and W of the images may change from batch to batch.
    """

    takes_any_size = True

    def make_head(self, num_classes):
        """float [B, D] -> logits, float32 [B, N] whatever the model's dtype policy."""
        return None if num_classes is None else keras.layers.Dense(num_classes, dtype="float32", name="head")

    def build_head(self, head_dim):
        self.head_dim = head_dim
        if self.head is not None:
            self.head.build((None, head_dim))

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.head_dim if self.num_classes is None else self.num_classes

    def replace_head(self, num_classes):
        """A fresh head for `num_classes`; everything below keeps its weights. Compile again afterwards."""
        # Keras locks a built layer, and goes on tracking what an attribute held before.
        locked = self._tracker.locked
        self._tracker.unlock()
        self._tracker.untrack(self.head)
        self.num_classes = num_classes
        self.head = self.make_head(num_classes)
        if self.built:
            self.build_head(self.head_dim)
        if locked:
            self._tracker.lock()
