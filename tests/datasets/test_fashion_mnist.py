import functools
import gzip
import http.server
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import zoo.datasets
from zoo.datasets import fashion_mnist

COUNTS = {"train": 55_000, "validation": 5_000, "train+validation": 60_000, "test": 10_000, "sample": 500}


def load_or_skip(split):
    """The full set is 30 MB: tests use it where it lies and never download it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_OFFLINE", "1")
        try:
            return fashion_mnist(split)
        except FileNotFoundError:
            pytest.skip("Fashion-MNIST is not here: apt-get install dataset-fashion-mnist, or ZOO_DATA_ROOT")


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without Fashion-MNIST and without a network."""
    monkeypatch.setenv("ZOO_DATA_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    return tmp_path


@pytest.mark.parametrize("split", COUNTS)
def test_a_split_has_its_size_and_is_balanced(split):
    data = load_or_skip(split)
    images, labels = data
    assert len(data) == COUNTS[split]
    assert images.shape == (COUNTS[split], 28, 28, 1)
    assert (images.dtype, labels.dtype, data.indices.dtype) == ("uint8", "int32", "int64")
    assert (np.bincount(labels) == COUNTS[split] // 10).all()
    assert images.flags.writeable


def test_train_and_validation_are_disjoint_parts_of_all_training_images():
    train, validation, both = map(load_or_skip, ("train", "validation", "train+validation"))
    assert sorted([*train.indices, *validation.indices]) == list(range(60_000))
    for part in (train, validation):
        np.testing.assert_array_equal(part.images, both.images[part.indices])
        np.testing.assert_array_equal(part.labels, both.labels[part.indices])
    for label in range(10):
        held_out = validation.indices[validation.labels == label]
        assert train.indices[train.labels == label].max() < held_out.min()


def test_sample_is_the_first_50_of_each_class_of_test():
    sample, test = load_or_skip("sample"), load_or_skip("test")
    first = np.sort(np.concatenate([np.flatnonzero(test.labels == label)[:50] for label in range(10)]))
    np.testing.assert_array_equal(sample.indices, first)
    np.testing.assert_array_equal(sample.images, test.images[first])
    np.testing.assert_array_equal(sample.labels, test.labels[first])


def test_sample_needs_no_file_and_no_network(nowhere):
    assert len(fashion_mnist("sample")) == 500


def test_as_tf_yields_the_same_pairs():
    data = fashion_mnist("sample")
    image, label = next(iter(data.as_tf().skip(7)))
    np.testing.assert_array_equal(image, data.images[7])
    assert label == data.labels[7]
    assert len(data.as_tf()) == 500


def test_keras_cache_is_used(nowhere, monkeypatch):
    """A damaged file there is found and named, so it was looked at."""
    folder = nowhere / "keras" / "datasets" / "fashion-mnist"
    write_pair(folder, images=bytes(16 + 10_000 * 784))
    with pytest.raises(
        ValueError, match=r"keras.*t10k-images.*expected sha256 [0-9a-f]{64}.*found [0-9a-f]{64}"
    ):
        fashion_mnist("test")


def test_package_comes_before_keras_cache(nowhere):
    write_pair(nowhere / "keras" / "datasets" / "fashion-mnist", images=b"")
    write_pair(nowhere / "other" / "usr" / "share" / "datasets" / "fashion-mnist", images=b"")
    with pytest.raises(ValueError, match=r"other.usr.share"):
        fashion_mnist("test", root=nowhere / "other")


@pytest.mark.parametrize("damage", ["truncated", "empty", "not gzip"])
def test_unreadable_file_is_named(nowhere, damage):
    folder = nowhere / "root" / "usr" / "share" / "datasets" / "fashion-mnist"
    write_pair(folder, images=np.random.default_rng(0).bytes(5000))
    path = folder / "t10k-images-idx3-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes({"truncated": content[:-100], "empty": b"", "not gzip": b"<html>404</html>"}[damage])
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte\.gz: the data is damaged: expected"):
        fashion_mnist("test")


@pytest.fixture
def served(nowhere, monkeypatch):
    """A folder whose files are downloaded from this machine instead of from the data's host."""
    folder = nowhere / "served"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(
            sys.modules["zoo.datasets.fashion_mnist"], "URL", f"http://127.0.0.1:{server.server_port}/"
        )
        monkeypatch.delenv("ZOO_OFFLINE")
        yield folder
        server.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def official():
    return load_or_skip("test")


def test_downloaded_files_are_kept_for_the_next_time(official, served, monkeypatch):
    for name, array, magic in (
        ("images-idx3", official.images, (2051, 10_000, 28, 28)),
        ("labels-idx1", official.labels.astype("uint8"), (2049, 10_000)),
    ):
        with gzip.open(served / f"t10k-{name}-ubyte.gz", "wb", compresslevel=1) as file:
            file.write(np.array(magic, ">i4").tobytes() + array.tobytes())
    np.testing.assert_array_equal(fashion_mnist("test").images, official.images)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert len(fashion_mnist("test")) == 10_000


def test_a_damaged_download_is_refused_and_named(nowhere, served):
    write_pair(served, images=b"proxy says no")
    with pytest.raises(ValueError, match=r"cache.*t10k-images.*expected sha256 .* found .* Delete the file"):
        fashion_mnist("test")


def test_a_file_the_host_does_not_have_is_told(served):
    with pytest.raises(FileNotFoundError, match=r"cannot be downloaded: .*HTTP 404"):
        fashion_mnist("test")


def test_missing_data_says_where_it_looked_and_what_to_do(nowhere):
    with pytest.raises(FileNotFoundError, match="apt-get install dataset-fashion-mnist") as caught:
        fashion_mnist("train")
    assert str(nowhere / "root") in str(caught.value)
    assert str(nowhere / "keras") in str(caught.value)
    assert str(nowhere / "cache") in str(caught.value)


def test_unknown_split_is_refused():
    with pytest.raises(ValueError, match=r"split: expected one of 'train', .*, found 'valid'"):
        fashion_mnist("valid")


def test_importing_datasets_imports_neither_tensorflow_nor_keras():
    check = "import sys, zoo.datasets; sys.exit(bool({'tensorflow', 'keras', 'jax'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


def test_embedded_files_are_small_enough_for_git():
    files = [*(Path(zoo.datasets.__file__).parent / "data").iterdir()]
    assert {file.name for file in files} == {
        "digits.npz",
        "fashion_mnist_sample.npz",
        "rated_tweets_sample.tsv",
    }
    assert sum(file.stat().st_size for file in files) < 300_000


def write_pair(folder, images, labels=b""):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("images-idx3", images), ("labels-idx1", labels)):
        with gzip.open(folder / f"t10k-{name}-ubyte.gz", "wb", compresslevel=1) as file:
            file.write(content)
