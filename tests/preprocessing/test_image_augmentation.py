"""ImageAugmentation: each image its own draw, labels mixed as images are, nothing lost at the edges."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.preprocessing import ImageAugmentation
from zoo.preprocessing.image_augmentation import random_crop


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


def test_crop_shifts_each_image_by_its_own_offset():
    images = np.zeros((64, 9, 7, 1), "float32")
    images[:, 4, 3] = 1.0
    cropped = random_crop(tf.constant(images), 2).numpy()
    positions = np.argwhere(cropped[..., 0] == 1)
    assert len(positions) == 64  # at most 2 pixels off: none falls out
    shifts = positions[:, 1:] - [4, 3]
    assert set(shifts.ravel().tolist()) == {-2, -1, 0, 1, 2}
    assert len({tuple(shift) for shift in shifts}) > 15


def test_flip_mirrors_about_half_of_the_images():
    images = tf.random.uniform((200, 5, 6, 3), 0, 255)
    out, _ = ImageAugmentation(flip=True)(images, tf.zeros((200, 2)))
    mirrored = [np.allclose(o, i[:, ::-1]) for o, i in zip(out.numpy(), images.numpy(), strict=True)]
    same = [np.allclose(o, i) for o, i in zip(out.numpy(), images.numpy(), strict=True)]
    assert all(m or s for m, s in zip(mirrored, same, strict=True))
    assert 70 < sum(mirrored) < 130


def test_erase_hits_the_stated_share_with_rectangles_of_2_to_33_percent():
    images = tf.fill((400, 30, 30, 1), -1.0)  # no noise pixel has this value
    out, _ = ImageAugmentation(erase=0.25)(images, tf.zeros((400, 2)))
    share = (out.numpy() != -1.0).mean(axis=(1, 2, 3))
    assert 0.17 < (share > 0).mean() < 0.33
    assert share.max() < 0.4


@pytest.mark.parametrize("options", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_mixed_labels_follow_the_mixed_pixels(options):
    labels = tf.eye(2)[:, None] * tf.ones((2, 8, 1))
    labels = tf.reshape(labels, (16, 2))  # 8 of class 0, 8 of class 1
    images = tf.reshape(labels[:, 1], (16, 1, 1, 1)) * tf.ones((16, 50, 50, 1)) * 255.0
    augment = ImageAugmentation(**options)
    assert augment.mixes_labels
    out, mixed = augment(images, labels)
    np.testing.assert_allclose(tf.reduce_sum(mixed, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(tf.reduce_mean(out, axis=(1, 2, 3)) / 255.0, mixed[:, 1], atol=0.06)


def test_resized_crop_keeps_at_least_the_stated_area():
    image = tf.tile(tf.range(100.0)[:, None, None], (1, 100, 1))  # value = row
    spans = []
    for _ in range(40):
        crop = ImageAugmentation(resized_crop=0.5).crop_raw(image, (24, 24)).numpy()
        assert crop.shape == (24, 24, 1)
        spans.append(crop.max() - crop.min())
    assert min(spans) > 40
    assert np.std(spans) > 1


def test_draws_differ_between_batches():
    augment = ImageAugmentation(crop=3, flip=True, erase=0.5)
    data = tf.data.Dataset.from_tensors(tf.random.uniform((8, 12, 12, 1), 0, 255)).repeat(2)
    first, second = data.map(lambda x: augment(x, tf.zeros((8, 2)))[0])
    assert not np.allclose(first, second)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"erase": 1.5}, r"erase: expected a number in \[0, 1\], found 1.5"),
        ({"crop": -1}, "crop: expected a number of at least 0, found -1"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ImageAugmentation(**options)
