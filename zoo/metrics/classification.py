"""Per-class precision, recall and F1, their averages and the confusion matrix of a classifier.

Shapes: N examples, C classes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Averages(NamedTuple):
    """Precision, recall and F1 averaged over classes, each in [0, 1]."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, eq=False)
class ClassificationReport:
    """What a classifier got right and what it took for what. `print(report)` shows it as a table.

    Attributes:
        label_names: C names.
        accuracy: share of examples whose first guess is right.
        top5_accuracy: share whose label is among the five most probable; None without probabilities or with
            five classes or fewer.
        precision, recall, f1: float64 [C]; 0 where a class was never predicted or never occurs.
        support: int64 [C], examples of each class.
        macro: mean over all C classes.
        weighted: mean weighted by support.
        confusion: int64 [C, C], row the true class, column the predicted one.
    """

    label_names: tuple[str, ...]
    accuracy: float
    top5_accuracy: float | None
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    macro: Averages
    weighted: Averages
    confusion: np.ndarray

    def __str__(self) -> str:
        width = max(len(name) for name in (*self.label_names, "weighted mean"))
        lines = [f"{'':{width}}  precision   recall       f1   support"]
        numbers = zip(self.precision, self.recall, self.f1, self.support, strict=True)
        rows = [*zip(self.label_names, numbers, strict=True)]
        total = int(self.support.sum())
        averages = [("macro mean", (*self.macro, total)), ("weighted mean", (*self.weighted, total))]
        for name, (precision, recall, f1, support) in (*rows, *averages):
            lines.append(f"{name:{width}}  {precision:9.4f}{recall:9.4f}{f1:9.4f}{support:10,}")
        summary = f"accuracy {self.accuracy:.4f}"
        if self.top5_accuracy is not None:
            summary += f", top-5 {self.top5_accuracy:.4f}"
        return "\n".join([*lines, "", f"{summary}, {total:,} examples"])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts, fit for JSON."""
        columns = (self.precision, self.recall, self.f1, self.support)
        classes = {
            name: {"precision": p, "recall": r, "f1": f, "support": n}
            for name, p, r, f, n in zip(self.label_names, *(c.tolist() for c in columns), strict=True)
        }
        return {
            "accuracy": self.accuracy,
            "top5_accuracy": self.top5_accuracy,
            "classes": classes,
            "macro": self.macro._asdict(),
            "weighted": self.weighted._asdict(),
            "confusion": self.confusion.tolist(),
        }

    def plot(self, path: str | os.PathLike) -> Path:
        """Draws the confusion matrix as a PNG; needs matplotlib (`pip install keras-zoo[plots]`).

        Args:
            path: file to write; a file that is there is replaced only once the new one is complete.

        Returns:
            The path.
        """
        from zoo.metrics.confusion_picture import draw_confusion

        title = f"accuracy {100 * self.accuracy:.2f} % of {int(self.support.sum()):,} examples"
        return draw_confusion(self.confusion, self.label_names, path, title=title)


def classification_report(
    labels: Sequence[int] | np.ndarray,
    predictions: Sequence[int] | np.ndarray,
    label_names: Sequence[str],
) -> ClassificationReport:
    """Compares predictions with the truth, class by class.

    With tp, fp, fn of a class: precision = tp / (tp + fp), recall = tp / (tp + fn),
    f1 = 2 tp / (2 tp + fp + fn), and 0 / 0 = 0. Equal to scikit-learn's
    `precision_recall_fscore_support(..., labels=range(C), zero_division=0)`.

    Args:
        labels: int [N] in [0, C), the truth.
        predictions: scores float [N, C], higher is likelier (probabilities or logits; between equals the
            lower class counts as likelier), or predicted classes int [N] in [0, C).
        label_names: C different names.

    Returns:
        ClassificationReport.

    Raises:
        ValueError: no example, shapes that do not fit, a class outside [0, C), or NaN.

    Example:
        >>> report = classification_report([0, 0, 1], [0, 1, 1], ["cat", "dog"])
        >>> report.confusion.tolist(), round(report.accuracy, 4)
        ([[1, 1], [0, 1]], 0.6667)
    """
    names = tuple(str(name) for name in label_names)
    num_classes = len(names)
    if len(set(names)) != num_classes or not names:
        twice = sorted({name for name in names if names.count(name) > 1})
        found = f"{twice} more than once" if names else "none"
        raise ValueError(f"label_names: expected different names, one a class, found {found}.")
    truth = _classes("labels", labels, num_classes)
    if not len(truth):
        raise ValueError("labels: expected at least one example, found none.")

    scores = np.asarray(predictions)
    top5 = None
    if scores.ndim == 2:
        if scores.shape != (len(truth), num_classes):
            raise ValueError(
                f"predictions: expected shape [{len(truth)}, {num_classes}] (labels, label_names), "
                f"found {list(scores.shape)}."
            )
        if not np.issubdtype(scores.dtype, np.number) or np.iscomplexobj(scores):
            raise ValueError(f"predictions: expected real numbers, found {scores.dtype}.")
        rows = np.flatnonzero(np.isnan(scores).any(axis=1))
        if len(rows):
            raise ValueError(f"predictions: expected numbers, found NaN at row {rows[0]}.")
        predicted = scores.argmax(axis=1)
        if num_classes > 5:
            top5 = float((_rank(scores, truth) < 5).mean())
    else:
        predicted = _classes("predictions", scores, num_classes)
        if len(predicted) != len(truth):
            raise ValueError(
                f"predictions: expected as many as labels ({len(truth)}), found {len(predicted)}."
            )

    cells = np.bincount(truth * num_classes + predicted, minlength=num_classes**2)
    confusion = cells.reshape(num_classes, num_classes)  # [true, predicted]
    hits = np.diag(confusion)
    support, claimed = confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall, f1 = (
        _ratio(hits, claimed),
        _ratio(hits, support),
        _ratio(2 * hits, support + claimed),
    )
    return ClassificationReport(
        label_names=names,
        accuracy=float(hits.sum() / len(truth)),
        top5_accuracy=top5,
        precision=precision,
        recall=recall,
        f1=f1,
        support=support,
        macro=Averages(*(float(x.mean()) for x in (precision, recall, f1))),
        weighted=Averages(*(float(np.average(x, weights=support)) for x in (precision, recall, f1))),
        confusion=confusion,
    )


def _classes(argument: str, values: Sequence[int] | np.ndarray, num_classes: int) -> np.ndarray:
    """`values` as int64 [N], checked to lie in [0, num_classes)."""
    array = np.asarray(values)
    if array.ndim != 1:
        either = " or [N, C]" if argument == "predictions" else ""
        raise ValueError(f"{argument}: expected shape [N]{either}, found {list(array.shape)}.")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{argument}: expected integers, found {array.dtype}.")
    outside = np.flatnonzero((array < 0) | (array >= num_classes))
    if len(outside):
        row = outside[0]
        raise ValueError(
            f"{argument}: expected integers in [0, {num_classes}), found {array[row]} at row {row}."
        )
    return array.astype("int64")


def _rank(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How many classes come before the true one: int [N]; equals are ordered as `argmax` orders them."""
    own = np.take_along_axis(scores, truth[:, np.newaxis], axis=1)  # [N, 1]
    earlier = np.arange(scores.shape[1]) < truth[:, np.newaxis]  # [N, C]
    return ((scores > own) | ((scores == own) & earlier)).sum(axis=1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
