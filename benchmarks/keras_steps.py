"""Steps of Keras models: the zoo's, keras.applications' and plain Keras' go through the same functions."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

import zoo.models
from benchmarks.plain_resnet import plain_resnet20
from zoo.training.sgd import SGD


def random_batch(batch: int, image_shape: tuple, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The same images, float32 [B, H, W, C], and labels, int32 [B], for every contender."""
    random = np.random.default_rng(0)
    images = random.standard_normal((batch, *image_shape), "float32")
    return images, random.integers(0, classes, batch, "int32")


def zoo_model(builder: str, dtype: str, image_shape: tuple, classes: int, **options) -> keras.Model:
    model = getattr(zoo.models, builder)(num_classes=classes, dtype=dtype, **options)
    model.build((None, *image_shape))
    return model


def zoo_step(
    builder: str, dtype: str, mode: str, batch: int, image_shape: tuple, classes: int, **options
) -> Callable:
    model = zoo_model(builder, dtype, image_shape, classes, **options)
    return model_step(model, mode, batch, image_shape, classes, SGD)


def keras_applications(mode: str, batch: int, image_shape: tuple, classes: int) -> Callable:
    model = keras.applications.ResNet50(
        weights=None, input_shape=image_shape, classes=classes, classifier_activation=None
    )
    return model_step(model, mode, batch, image_shape, classes)


def plain_keras(mode: str, batch: int, image_shape: tuple, classes: int) -> Callable:
    return model_step(plain_resnet20(classes, image_shape), mode, batch, image_shape, classes)


def model_step(
    model: keras.Model,
    mode: str,
    batch: int,
    image_shape: tuple,
    classes: int,
    optimizer: type[keras.optimizers.SGD] = keras.optimizers.SGD,
) -> Callable:
    """One step of Keras' own compiled train or predict function, on data that is already a tensor.

    XLA is off: it slows convolutions on CPU. The step ends when its result is on the host.
    """
    model.compile(
        optimizer=optimizer(0.01, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    images, labels = (tf.constant(part) for part in random_batch(batch, image_shape, classes))
    if mode == "train":
        model.make_train_function()
        batches = iter(tf.data.Dataset.from_tensors((images, labels)).repeat())

        def train() -> None:
            float(model.train_function(batches)["loss"])

        return train

    model.make_predict_function()

    def infer() -> None:
        model.predict_function([(images,)]).numpy()

    return infer
