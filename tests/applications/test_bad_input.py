"""What a user gets wrong ends in one clear error that names the argument, and loses nothing."""

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo.applications import ImageClassifier

GOOD = np.zeros((2, 28, 28, 1), "uint8")
JPEG = tf.io.encode_jpeg(np.arange(784, dtype="uint8").reshape(28, 28, 1)).numpy()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((0, 28, 28, 1)), r"x: expected at least one image, found shape \(0, 28, 28, 1\)"),
        ([], "x: expected at least one image, found an empty list"),
        (np.zeros((2, 28, 28, 5)), r"x: expected 1 \(grey\), 3 \(colour\) .* found 5 in shape"),
        (np.zeros((28, 28, 1)), r"x: expected images \[N, H, W, C\], found shape \(28, 28, 1\)"),
        (np.full((2, 28, 28, 1), np.nan), "x: expected finite pixels, found NaN or infinity in row 0"),
        (np.full((2, 28, 28, 1), 300.0), "x: expected pixels in 0..255, found values from 300 to 300"),
        (np.full((2, 28, 28, 1), 0.5), r"floats up to 0.5, which look like 0..1; multiply by 255"),
        (np.zeros((2, 28, 28, 1), bool), "x: expected pixels in 0..255, found bool"),
        (["nowhere.png"], "x: expected a file in row 0, found none at 'nowhere.png'"),
        ([GOOD[0], "a.png"], "x: expected paths or bytes throughout, found ndarray in row 0"),
        ([GOOD[0], np.zeros((28, 28, 3))], r"x: expected one number of channels, found \[1, 3\]"),
        ([np.zeros(3)], r"x: expected an image \[H, W\] or \[H, W, C\] in row 0, found shape \(3,\)"),
        ("nowhere", "nowhere"),
        ([b"not an image"], "x: expected a JPEG, PNG, BMP or GIF in row 0, found bytes"),
        (
            tf.data.Dataset.from_tensor_slices(np.zeros((4, 3, 28, 28, 2, 1))),
            "x: expected a dataset of strings",
        ),
    ],
)
def test_bad_images_are_named(tiny, x, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        tiny().predict(x)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "y: expected labels, one for each image of x, found None"),
        ([1], "y: expected 2 labels, one for each row of x, found 1"),
        (
            [1, 10],
            r"labels: expected integers in \[0, 10\), found 10 at row 1. The application has the 10 labels",
        ),
        ([-1, 0], r"found -1 at row 0"),
        ([0.5, 1.0], r"found 0.5 at row 0"),
        ([np.nan, 1.0], r"found nan at row 0"),
        (["Bag", "Hat"], "labels: expected known names, found 'Hat' at row 1"),
        (np.zeros((2, 3)), r"labels: expected rows of 10 probabilities, found shape \(2, 3\)"),
        (np.zeros((2, 10)), "labels: expected rows of probabilities that sum to 1"),
    ],
)
def test_bad_labels_are_named(tiny, y, message):
    with pytest.raises(ValueError, match=message):
        tiny().fit(GOOD, y, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((2, 28, 28, 1), np.nan, "float32"), "x: expected finite pixels, found NaN or infinity"),
        (
            np.full((2, 28, 28, 1), -1, "int32"),
            r"x: expected pixels in 0..255, found values from -1 to -1",
        ),
        (np.full((2, 28, 28, 1), 256.0), r"x: expected pixels in 0..255, found values from 256 to 256"),
        (np.zeros((2, 28, 28, 1), bool), "x: expected pixels in 0..255, found bool"),
        (np.zeros((2, 28, 28, 5), "uint8"), r"^x: expected 1 \(grey\), 3 \(colour\) .* found 5 in"),
        (
            [JPEG, JPEG[:200]],
            "x: expected a dataset of JPEG, PNG, BMP or GIF, found one that is none: jpeg::",
        ),
        (["nowhere.png"] * 2, "x: expected a dataset of JPEG.* found one that is none: nowhere.png; No such"),
    ],
)
def test_bad_images_of_a_dataset_are_told_and_change_nothing(tiny, images, message):
    app = tiny()
    app.compile(augment={}, weight_decay=0.0)  # TensorFlow may decay before it sees that no batch came
    before = app.get_weights()
    data = tf.data.Dataset.from_tensor_slices(images)
    labels = tf.data.Dataset.from_tensor_slices([3, 4])
    for act in (
        lambda: app.predict(data.batch(2)),
        lambda: app.report(data, [3, 4]),
        lambda: app.fit(tf.data.Dataset.zip((data, labels)), batch_size=2, epochs=1, verbose=0),
    ):
        with pytest.raises(ValueError, match=message):
            act()
    for now, then in zip(app.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([3, 10], r"labels: expected one of the 10 labels \['T-shirt/top', ..., 'Ankle boot'\], found 10$"),
        ([3.0, 0.5], r"labels: expected one of the 10 labels .*, found 0.5$"),
        (["Bag", "it's a Größe"], r"labels: expected one of the 10 labels .*, found it's a Größe$"),
        (np.full((2, 3), 1 / 3, "float32"), "labels: expected rows of 10 probabilities, found a dataset of"),
        (np.full((2, 10), np.nan, "float32"), "labels: expected rows of probabilities that sum to 1, found"),
    ],
)
def test_bad_labels_of_a_dataset_are_told(tiny, y, message):
    app = tiny()
    app.compile(augment={})
    with pytest.raises(ValueError, match=message):
        app.fit(tf.data.Dataset.from_tensor_slices((GOOD, y)), batch_size=2, epochs=1, verbose=0)


@pytest.mark.slow
def test_truncated_jpeg_and_text_named_png_are_found_in_a_folder(tiny, photos):
    good = photos / "bag" / "0.jpg"
    whole = good.read_bytes()
    app = tiny(labels=["bag", "boot", "coat"])
    good.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        ValueError, match=r"x: expected a JPEG, PNG, BMP or GIF in row 0, found '.*bag.0.jpg'"
    ):
        app.predict(sorted(photos.glob("*/*")))
    with pytest.raises(ValueError, match=r"found '.*bag.0.jpg'"):
        app.fit(photos, epochs=1, verbose=0)
    good.write_bytes(whole)
    (photos / "boot" / "1.png").write_text("this is a letter, not a picture")
    with pytest.raises(ValueError, match=r"found '.*boot.1.png'"):
        app.evaluate(photos, verbose=0)


def test_folders_that_are_no_data_set(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        tiny().fit(tmp_path / "nowhere")
    (tmp_path / "one" / "cat").mkdir(parents=True)
    (tmp_path / "one" / "cat" / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match="class"):
        tiny().fit(tmp_path / "one")


def test_folder_with_other_classes_says_which_labels_it_knows(tiny, photos):
    with pytest.raises(ValueError, match=r"labels: expected known names, found 'bag' at row 0.*T-shirt/top"):
        tiny().fit(photos)


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("resnet50.keras_imagnet", {}, "did you mean 'resnet50.keras_imagenet'"),
        ("folder/that/is/not", {}, "name: expected a folder, a .keras or a .gguf file"),
        ("missing.keras", {}, "name: expected a .keras file, found none"),
        ("resnet50.keras_imagenet", {"classes": 3}, r"expected overrides among .* found \['classes'\]"),
    ],
)
def test_wrong_names_are_explained(name, overrides, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        ImageClassifier.from_pretrained(name, **overrides)


def test_damaged_files_are_refused(tiny, tmp_path):
    app = tiny()
    app.save(tmp_path / "app.keras")
    whole = (tmp_path / "app.keras").read_bytes()
    (tmp_path / "app.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="name: expected a whole .keras file"):
        ImageClassifier.from_pretrained(tmp_path / "app.keras")
    middle = len(whole) // 2
    (tmp_path / "app.keras").write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(ValueError, match="name: expected a whole .keras file, found .*: Bad CRC-32"):
        ImageClassifier.from_pretrained(tmp_path / "app.keras")
    app.save_pretrained(tmp_path / "folder")
    weights = tmp_path / "folder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        ImageClassifier.from_pretrained(tmp_path / "folder")
    (tmp_path / "folder" / "config.json").write_text("{")
    with pytest.raises(ValueError, match="expected JSON"):
        ImageClassifier.from_pretrained(tmp_path / "folder")


def test_full_disk_leaves_the_old_file_whole(tiny, tmp_path, monkeypatch):
    app = tiny()
    app.save(tmp_path / "app.keras")
    before = (tmp_path / "app.keras").read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    with pytest.raises(OSError, match="was not written and the file there is unchanged: No space left"):
        app.save(tmp_path / "app.keras")
    assert (tmp_path / "app.keras").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["app.keras"]


KILLED = """
import os, signal, sys
import zoo.files.atomic, keras
from zoo.applications import ImageClassifier
app = ImageClassifier.from_pretrained(sys.argv[1])
zoo.files.atomic.os.fsync = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # written, not yet renamed
app.save(sys.argv[2])
"""


@pytest.mark.slow
def test_kill_during_save_leaves_the_old_file_whole(tiny, clothes, tmp_path):
    app = tiny()
    app.save_pretrained(tmp_path / "folder")
    app.save(tmp_path / "app.keras")
    before = (tmp_path / "app.keras").read_bytes()
    command = [sys.executable, "-c", KILLED, tmp_path / "folder", tmp_path / "app.keras"]
    done = subprocess.run(
        command, capture_output=True, check=False, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    )
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "app.keras").read_bytes() == before


def test_save_refuses_other_endings(tiny, tmp_path):
    with pytest.raises(ValueError, match=r"filepath: expected a name that ends with \.keras"):
        tiny().save(tmp_path / "app.h5")


def test_top_k_beyond_the_classes(tiny):
    with pytest.raises(ValueError, match=r"top_k: expected 1..10, found 11"):
        tiny().classify(GOOD, top_k=11)


@pytest.mark.slow
def test_unknown_length_needs_steps(tiny, clothes):
    endless = tf.data.Dataset.from_tensor_slices(clothes).repeat()
    with pytest.raises(ValueError, match="steps_per_epoch: expected a number"):
        tiny().fit(endless, epochs=1, verbose=0)
    tiny().fit(endless, epochs=1, steps_per_epoch=2, verbose=0)
