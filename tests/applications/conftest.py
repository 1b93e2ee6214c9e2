"""A tiny classifier that builds in a moment, and real images for it."""

import application_battery
import keras
import pytest
from zoo.applications import ImageClassifier

from zoo.datasets import fashion_mnist
from zoo.models import ResNet
from zoo.preprocessing import ImagePreprocessor


@pytest.fixture
def tiny():
    """() -> an untrained ImageClassifier with 2 blocks for the 10 classes of Fashion-MNIST, seed 0."""

    def make(labels=None, seed=0, precision="float32", **preprocessor):
        keras.utils.set_random_seed(seed)
        labels = labels or fashion_mnist("sample").label_names
        numbers = {"block": "basic", "stem": "small", "stem_filters": 4, "dtype": precision}
        model = ResNet((1, 1), (4, 8), len(labels), **numbers)
        settings = {"image_size": (28, 28), "channels": 1, "mean": (0.286,), "std": (0.353,), **preprocessor}
        return ImageClassifier(model, ImagePreprocessor(**settings), labels=labels)

    return make


@pytest.fixture(scope="session")
def clothes():
    """500 images uint8 [500, 28, 28, 1] and their labels int32 [500]."""
    return tuple(fashion_mnist("sample"))


@pytest.fixture
def photos(tmp_path, clothes):
    """A folder of three class folders with six PNG files each, the colour ones of odd sizes."""
    import tensorflow as tf

    images, labels = clothes
    for name, label in (("bag", 8), ("boot", 9), ("coat", 4)):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for i, image in enumerate(images[labels == label][:6]):
            sized = tf.cast(tf.image.resize(image, (31 + i, 40 - i)), "uint8")
            data = tf.io.encode_png(sized) if i % 2 else tf.io.encode_jpeg(tf.repeat(sized, 3, axis=-1))
            (folder / f"{i}.{'png' if i % 2 else 'jpg'}").write_bytes(data.numpy())
    return tmp_path / "photos"


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items):
    for item in items:
        if hasattr(item, "callspec") and item.callspec.params.get("check") in application_battery.SLOW:
            item.add_marker("slow")
