import doctest
import importlib
import json
import subprocess
import sys

import numpy as np
import pytest

from zoo.metrics import classification_report


def odd_case(seed):
    """Random labels and predictions; some classes never occur, others are never predicted."""
    rng = np.random.default_rng(seed)
    num_classes, count = int(rng.integers(2, 13)), int(rng.integers(1, 200))
    occurring = rng.choice(num_classes, size=rng.integers(1, num_classes + 1), replace=False)
    predicted = rng.choice(num_classes, size=rng.integers(1, num_classes + 1), replace=False)
    names = [f"class {i}" for i in range(num_classes)]
    return rng.choice(occurring, count), rng.choice(predicted, count), names


@pytest.mark.parametrize("seed", range(25))
def test_equals_scikit_learn(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    labels, predicted, names = odd_case(seed)
    ours = classification_report(labels, predicted, names)
    settings = {"labels": range(len(names)), "zero_division": 0}

    theirs = metrics.precision_recall_fscore_support(labels, predicted, **settings)
    for x, y in zip((ours.precision, ours.recall, ours.f1, ours.support), theirs, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-12)
    for average, x in (("macro", ours.macro), ("weighted", ours.weighted)):
        y = metrics.precision_recall_fscore_support(labels, predicted, average=average, **settings)
        np.testing.assert_allclose(x, y[:3], rtol=0, atol=1e-12)
    expected = metrics.confusion_matrix(labels, predicted, labels=range(len(names)))
    np.testing.assert_array_equal(ours.confusion, expected)
    assert ours.accuracy == pytest.approx(metrics.accuracy_score(labels, predicted), abs=1e-12)
    assert ours.top5_accuracy is None


def test_top5_equals_scikit_learn_and_accuracy_is_that_of_argmax():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    labels, scores = rng.integers(0, 11, 300), rng.random((300, 11), "float32")
    report = classification_report(labels, scores, range(11))
    expected = metrics.top_k_accuracy_score(labels, scores, k=5, labels=range(11))
    assert report.top5_accuracy == pytest.approx(expected, abs=1e-12)
    assert report.accuracy == (scores.argmax(1) == labels).mean()


def test_a_constant_output_earns_no_top5_by_ties():
    report = classification_report(np.arange(10), np.full((10, 10), 0.1), range(10))
    assert (report.accuracy, report.top5_accuracy) == (0.1, 0.5)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_top5_is_left_out_where_it_says_nothing(num_classes):
    report = classification_report([0, 1], np.eye(2, num_classes), range(num_classes))
    assert report.top5_accuracy is None
    assert "top-5" not in str(report)


def test_table_is_aligned_and_names_every_class():
    labels, predicted, names = np.arange(12_000) % 7, np.arange(12_000) % 6, ["a", "Ankle boot", *"cdefg"]
    *table, blank, summary = str(classification_report(labels, predicted, names)).splitlines()
    assert len({len(line) for line in table}) == 1
    assert [line[:13].strip() for line in table] == ["", *names, "macro mean", "weighted mean"]
    assert blank == ""
    assert summary.startswith("accuracy 0.")
    assert summary.endswith(", 12,000 examples")


def test_dict_survives_json():
    report = classification_report([0, 1, 2, 2], np.eye(7)[[0, 2, 2, 6]], "abcdefg")
    stored = json.loads(json.dumps(report.to_dict()))
    assert stored["classes"]["c"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert stored["confusion"] == report.confusion.tolist()
    assert stored["accuracy"] == 0.5
    assert set(stored["macro"]) == {"precision", "recall", "f1"}


@pytest.mark.parametrize(
    ("labels", "predictions", "names", "message"),
    [
        ([], [], "ab", "labels: expected at least one example"),
        ([0, 2], [0, 1], "ab", r"labels: expected integers in \[0, 2\), found 2 at row 1"),
        ([0, 1], [0, -1], "ab", r"predictions: expected integers in \[0, 2\), found -1 at row 1"),
        ([0.0, 1.0], [0, 1], "ab", "labels: expected integers, found float64"),
        ([[0], [1]], [0, 1], "ab", r"labels: expected shape \[N\], found \[2, 1\]"),
        ([0, 1], [0.2, 0.9], "ab", "predictions: expected integers, found float64"),
        ([0, 1], [0], "ab", r"predictions: expected as many as labels \(2\), found 1"),
        ([0, 1], np.zeros((2, 3)), "ab", r"predictions: expected shape \[2, 2\] .* found \[2, 3\]"),
        (
            [0, 1],
            np.zeros((2, 2, 1)),
            "ab",
            r"predictions: expected shape \[N\] or \[N, C\], found \[2, 2, 1\]",
        ),
        ([0, 1], [[0, 1], [np.nan, 1]], "ab", "predictions: expected numbers, found NaN at row 1"),
        ([0, 1], [["x", "y"]] * 2, "ab", "predictions: expected real numbers, found <U1"),
        ([0, 1], [0, 1], "aab", r"label_names: expected different names.* found \['a'\] more than once"),
        ([0, 1], [0, 1], [], "label_names: expected different names, one a class, found none"),
    ],
)
def test_bad_input_is_named(labels, predictions, names, message):
    with pytest.raises(ValueError, match=message):
        classification_report(labels, predictions, names)


@pytest.mark.parametrize("num_classes", [1, 2, 10, 61])
def test_picture_is_a_png(tmp_path, num_classes):
    pytest.importorskip("matplotlib")
    names = [f"a ${i} name that is rather long$" for i in range(num_classes)]
    labels = np.arange(200) % num_classes
    path = classification_report(labels, labels[::-1], names).plot(tmp_path / "picture.png")
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]


def test_a_failed_picture_leaves_the_old_one(tmp_path, monkeypatch):
    backend = pytest.importorskip("matplotlib.backends.backend_agg")
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")

    def full_disk(self, file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backend.FigureCanvasAgg, "print_figure", full_disk)
    with pytest.raises(OSError, match="No space left"):
        classification_report([0, 1], [0, 1], "ab").plot(path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]


def test_a_picture_needs_an_existing_folder(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(FileNotFoundError, match="path: expected a file in an existing folder"):
        classification_report([0, 1], [0, 1], "ab").plot(tmp_path / "none" / "picture.png")


def test_missing_matplotlib_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(ImportError, match=r"pip install keras-zoo\[plots\]"):
        classification_report([0, 1], [0, 1], "ab").plot(tmp_path / "picture.png")


def test_importing_metrics_imports_neither_tensorflow_nor_matplotlib():
    check = (
        "import sys, zoo.metrics; sys.exit(bool({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0


def test_example_in_docstring_runs():
    result = doctest.testmod(importlib.import_module("zoo.metrics.classification"))
    assert result.failed == 0
    assert result.attempted > 0
