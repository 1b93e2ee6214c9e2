import numpy as np
import pytest
import tensorflow as tf
from zoo.applications import ImageClassifier

from zoo import datasets
from zoo.models import MLP
from zoo.preprocessing import ImagePreprocessor
from zoo.training.progressive_size import ProgressiveSize


def sides(size, epochs):
    images = tf.data.Dataset.from_tensors(tf.zeros((2, 28, 28, 1))).map(size.resize)
    found = []
    for epoch in range(epochs):
        size.on_epoch_begin(epoch)
        found.append(next(iter(images)).shape[1])
    return found


def test_images_take_the_side_of_their_epoch_inside_the_pipeline():
    assert sides(ProgressiveSize([(2, 24), (1, 16)]), 4) == [28, 16, 24, 24]


def test_no_sizes_leave_the_images_alone():
    images = tf.zeros((2, 28, 20, 1))
    assert ProgressiveSize(()).resize(images) is images


@pytest.mark.parametrize("sizes", [[(0, 0)], [(-1, 20)], [(3,)]])
def test_wrong_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="train_sizes: expected pairs"):
        ProgressiveSize(sizes)


@pytest.mark.slow
def test_fit_trains_on_small_images_and_validates_on_whole_ones():
    x, y = datasets.fashion_mnist("sample")
    app = ImageClassifier.from_pretrained("resnet20.fashion_mnist")
    before = app.predict(x[:4])
    app.compile(train_sizes=[(0, 12), (1, 28)], learning_rate=0.0, augment={})
    losses = app.fit(x[:64], y[:64], validation_data=(x[:4], y[:4]), epochs=2, verbose=0).history["loss"]
    assert losses[0] > 2 * losses[1]  # at 12 px, a third of the side it was trained at, it sees little
    assert np.isfinite(before).all()


def test_a_network_of_one_size_refuses_them():
    x, y = datasets.digits("test")
    app = ImageClassifier(MLP((8,), 10), ImagePreprocessor((8, 8), channels=1), labels=list("0123456789"))
    app.compile(train_sizes=[(0, 6)])
    with pytest.raises(ValueError, match="train_sizes: expected none for a MLP"):
        app.fit(x, y, verbose=0)
