"""JPEG files to normalised batches: one step reads, decodes and resizes them all.

Shapes: B batch, H height, W width.
"""

import pathlib
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.scratch import scratch_folder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = (224, 224)


def write_jpegs(folder: pathlib.Path, count: int) -> list[str]:
    """`count` JPEGs of 500x375 pixels, smooth random colours with a little grain, in two class folders."""
    random, paths = np.random.default_rng(0), []
    for i in range(count):
        coarse = random.uniform(0, 255, (12, 16, 3)).astype("float32")
        image = tf.image.resize(coarse, (375, 500), "bicubic") + random.normal(0, 4, (375, 500, 3))
        path = folder / "ab"[i % 2] / f"{i:04d}.jpg"
        path.parent.mkdir(exist_ok=True)
        pixels = tf.cast(tf.clip_by_value(image, 0, 255), "uint8")
        path.write_bytes(tf.io.encode_jpeg(pixels, quality=90).numpy())
        paths.append(str(path))
    return paths


def zoo(images: int, batch: int) -> Callable:
    """What `ImageClassifier.predict` feeds its model."""
    from zoo.applications import ImageClassifier

    from zoo.models import resnet20
    from zoo.preprocessing import ImagePreprocessor

    prepare = ImagePreprocessor(SIZE, 3, MEAN, STD)
    app = ImageClassifier(resnet20(num_classes=2), prepare, ["a", "b"])
    paths = write_jpegs(scratch_folder(), images)
    return _epoch(lambda: app.inference_data(paths, batch_size=batch), images)


def plain(images: int, batch: int) -> Callable:
    """The same work in a few lines of tf.data."""
    scale = tf.constant([1 / (255 * s) for s in STD])
    shift = tf.constant([-m / s for m, s in zip(MEAN, STD, strict=True)])

    def read(path):
        image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(image, SIZE, antialias=True) * scale + shift

    paths = write_jpegs(scratch_folder(), images)

    def data():
        files = tf.data.Dataset.from_tensor_slices(paths)
        return files.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(batch).prefetch(2)

    return _epoch(data, images)


def keras_directory(images: int, batch: int) -> Callable:
    """Keras' own loader and normalisation; it resizes without antialiasing."""
    normalize = keras.layers.Normalization(
        mean=[255 * m for m in MEAN], variance=[(255 * s) ** 2 for s in STD]
    )
    folder = scratch_folder()
    write_jpegs(folder, images)

    def data():
        loaded = keras.utils.image_dataset_from_directory(
            folder, labels=None, image_size=SIZE, batch_size=batch, shuffle=False, verbose=False
        )
        return loaded.map(normalize).prefetch(2)

    return _epoch(data, images)


def _epoch(data: Callable[[], Iterable], images: int) -> Callable:
    """Goes through a fresh iterator of one dataset."""
    batches = data()

    def step() -> None:
        seen = sum(int(batch.shape[0]) for batch in batches)
        if seen != images:
            raise RuntimeError(f"expected {images} images a step, found {seen}")

    return step
