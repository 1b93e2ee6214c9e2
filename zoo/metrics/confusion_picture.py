"""The confusion matrix as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.files import atomic_path

NUMBERED_UP_TO = 25  # classes; beyond this the cells are too small for their numbers
NAMED_UP_TO = 60


def draw_confusion(
    confusion: np.ndarray, label_names: Sequence[str], path: str | os.PathLike, title: str = ""
) -> Path:
    """Writes the picture of a confusion matrix as PNG.

    Shade: share of the row, so each true class sums to 1 however rare it is. Number: examples; the cells
    that got none stay blank. Neither `pyplot` nor any other global state of matplotlib is touched.

    Args:
        confusion: int [C, C], row the true class, column the predicted one.
        label_names: C names.
        path: file to write; it is replaced only once the new picture is complete.
        title: line above the matrix.

    Returns:
        The path.

    Raises:
        ImportError: matplotlib is missing.
        FileNotFoundError: the folder of `path` is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("The picture needs matplotlib: pip install keras-zoo[plots]") from error

    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path: expected a file in an existing folder, found no folder {path.parent}."
        )
    num_classes = len(label_names)
    support = confusion.sum(axis=1, keepdims=True)
    share = np.divide(confusion, support, out=np.zeros(confusion.shape), where=support > 0)

    side = min(max(0.62 * num_classes, 2.5), 14)  # inches
    figure = Figure(figsize=(side + 2.6, side + 2.2), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    # Square root, so that a confusion of one in a hundred is still visible beside a diagonal near 1.
    picture = axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
    axes.set_title(title, loc="left", fontsize=11, pad=12)
    axes.set_xlabel("predicted", fontsize=11, labelpad=8)
    axes.set_ylabel("true", fontsize=11, labelpad=8)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=10 if num_classes <= NUMBERED_UP_TO else 7)
    if num_classes <= NAMED_UP_TO:
        axes.set_xticks(range(num_classes), label_names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(num_classes), label_names)
        for name in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            name.set_parse_math(False)  # a "$" in a class name is a dollar
    if num_classes <= NUMBERED_UP_TO:
        axes.set_xticks(np.arange(1, num_classes) - 0.5, minor=True)
        axes.set_yticks(np.arange(1, num_classes) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="minor", length=0)
        for row, column in zip(*np.nonzero(confusion), strict=True):
            axes.text(
                column,
                row,
                f"{confusion[row, column]:,}",
                ha="center",
                va="center",
                fontsize=9,
                fontweight="bold" if row == column else "normal",
                color="white" if share[row, column] > 0.36 else "#1b2a41",
            )
    shares = (0, 0.01, 0.05, 0.2, 0.5, 1)
    bar = figure.colorbar(picture, ax=axes, shrink=0.7, ticks=np.sqrt(shares), pad=0.03)
    bar.ax.set_yticklabels([f"{100 * share:.0f} %" for share in shares], fontsize=9)
    bar.set_label("share of the true class", fontsize=10)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)

    with atomic_path(path) as partial, open(partial, "wb") as file:
        canvas.print_figure(file, format="png", dpi=150, bbox_inches="tight", pad_inches=0.2)
    return path
