"""The two networks every tutorial starts from: a multilayer perceptron and a small convolutional network.

Shapes: B batch, H height, W width, C channels of the image, N classes.
"""

import keras
from keras import ops

from zoo.models.classifier import Classifier


@keras.saving.register_keras_serializable("zoo")
class MLP(Classifier):
    """Fully connected layers with ReLU on the flattened image (Rumelhart et al. 1986).

    Args:
        hidden_dims: width of each hidden layer; 784 pixels -> 256 -> 128 -> 64 -> 10 by default.
        num_classes: N, or None for no head: the output is then [B, D], what the head would take.
        dropout: rate after each hidden layer.
        **kwargs: `name`, `dtype`.

    Input: float [B, H, W, C], H and W fixed when the model is built. Output: logits, float32 [B, N].

    Example:
        >>> MLP()(keras.ops.zeros((2, 28, 28, 1))).shape
        (2, 10)
    """

    takes_any_size = False

    def __init__(self, hidden_dims=(256, 128, 64), num_classes=10, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.hidden_dims = tuple(hidden_dims)
        self.num_classes = num_classes
        self.dropout = dropout
        self.hidden = [
            keras.layers.Dense(width, name=f"hidden{i + 1}", dtype=self.dtype_policy)
            for i, width in enumerate(self.hidden_dims)
        ]
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=self.dtype_policy)
        self.head = self.make_head(num_classes)

    def build(self, input_shape):
        height, width, channels = _image_shape(input_shape)
        self.input_dim = size = height * width * channels
        for layer, out in zip(self.hidden, self.hidden_dims, strict=True):
            layer.build((None, size))
            size = out
        self.build_head(size)
        self.built = True

    def call(self, x, training=None):
        x = ops.reshape(x, (ops.shape(x)[0], self.input_dim))  # [B, H * W * C]
        for layer in self.hidden:
            x = self.drop(ops.relu(layer(x)), training=training)
        return x if self.head is None else self.head(x)  # [B, N]

    def get_config(self):
        config = keras.layers.Layer.get_config(self)
        own = {"hidden_dims": self.hidden_dims, "num_classes": self.num_classes, "dropout": self.dropout}
        return {**config, **own}


@keras.saving.register_keras_serializable("zoo")
class ConvNet(Classifier):
    """Convolution and pooling, repeated, then a dense layer (LeCun et al. 1998, LeNet).

    Args:
        filters: channels of each 3x3 convolution, each followed by ReLU and 2x2 max pooling.
        hidden_dim: width of the dense layer.
        num_classes: N, or None for no head: the output is then [B, D], what the head would take.
        dropout: rate before the head.
        **kwargs: `name`, `dtype`.

    Input: float [B, H, W, C], H and W fixed when the model is built. Output: logits, float32 [B, N].

    Example:
        >>> ConvNet()(keras.ops.zeros((2, 28, 28, 1))).shape
        (2, 10)
    """

    takes_any_size = False

    def __init__(self, filters=(32, 64), hidden_dim=128, num_classes=10, dropout=0.5, **kwargs):
        super().__init__(**kwargs)
        self.filters = tuple(filters)
        self.hidden_dim = hidden_dim
        self.num_classes = num_classes
        self.dropout = dropout
        self.convs = [
            keras.layers.Conv2D(
                width,
                3,
                padding="same",
                data_format="channels_last",
                name=f"conv{i + 1}",
                dtype=self.dtype_policy,
            )
            for i, width in enumerate(self.filters)
        ]
        self.hidden = keras.layers.Dense(hidden_dim, name="hidden", dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=self.dtype_policy)
        self.head = self.make_head(num_classes)

    def build(self, input_shape):
        height, width, channels = _image_shape(input_shape)
        for conv in self.convs:
            conv.build((None, height, width, channels))
            height, width, channels = height // 2, width // 2, conv.filters
        self.hidden.build((None, height * width * channels))
        self.build_head(self.hidden_dim)
        self.built = True

    def call(self, x, training=None):
        for conv in self.convs:
            x = ops.max_pool(ops.relu(conv(x)), 2, data_format="channels_last")  # [B, H/2, W/2, filters]
        x = ops.reshape(x, (ops.shape(x)[0], self.hidden.kernel.shape[0]))  # [B, H' * W' * filters]
        x = ops.relu(self.hidden(x))
        x = self.drop(x, training=training)
        return x if self.head is None else self.head(x)  # [B, N]

    def get_config(self):
        own = {
            "filters": self.filters,
            "hidden_dim": self.hidden_dim,
            "num_classes": self.num_classes,
            "dropout": self.dropout,
        }
        return {**keras.layers.Layer.get_config(self), **own}


def _image_shape(input_shape):
    """(H, W, C) of [B, H, W, C], all of them known."""
    if len(input_shape) != 4 or None in input_shape[1:]:
        raise ValueError(f"input_shape: expected fixed height, width and channels, found {input_shape}")
    return input_shape[1:]


def mlp(**overrides):
    """784-256-128-64-10 perceptron for 28 px grey images, 0.24M parameters."""
    return MLP(**{"hidden_dims": (256, 128, 64), "num_classes": 10, **overrides})


def conv_net(**overrides):
    """Two convolutions, 32 and 64 wide, and a dense layer of 128, 0.42M parameters at 28 px."""
    return ConvNet(**{"filters": (32, 64), "hidden_dim": 128, "num_classes": 10, **overrides})
