"""Curves of a run, from its `log.jsonl`, as PNG files."""

import json
import pathlib

from zoo.files import atomic_path, make_folder

CURVES = (
    ("loss", ("loss", "val_loss"), True),
    ("learning_rate", ("learning_rate",), False),
    ("gradient_norm", ("gradient_norm",), True),
    ("speed", ("examples_per_s", "tokens_per_s", "frames_per_s"), False),
    ("mfu", ("mfu",), False),
    ("memory", ("memory_mb",), False),
)
NO_METRICS = {name for _, names, _ in CURVES for name in names} | {
    "time",
    "step",
    "epoch",
    "epoch_end",
    "flops",
    "flops_of",
    "peak_flops",
}


def read_log(folder):
    """The lines of `folder`/log.jsonl as dicts; half a line at the end, of a killed run, is left out.

    Raises: ValueError where there is no such file, or none of it can be read.
    """
    path = pathlib.Path(folder) / "log.jsonl"
    if not path.exists():
        raise ValueError(f"folder: expected a run with a log.jsonl, found none in {str(folder)!r}")
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    if not rows:
        raise ValueError(f"folder: expected lines of JSON in {path}, found none")
    return rows


def series(rows, name):
    """(steps, values) of one quantity; a step that a resumed run did again counts as it was last."""
    points = {}
    for row in rows:
        if name in row and "step" in row:
            for later in [step for step in points if step >= row["step"]]:
                del points[later]
            points[row["step"]] = row[name]
    return list(points), list(points.values())


def report(folder, out=None):
    """Draws the curves of a run.

    Args:
        folder: of the run, with its log.jsonl.
        out: folder of the pictures; `folder`/report by default.

    Returns: paths of the PNG files: loss, one for each metric, learning rate, gradient norm, speed, the share
    of the machine's arithmetic, memory.

    Raises: ImportError that names the extra, where matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("report needs matplotlib: pip install keras-zoo[plots]") from error
    rows = read_log(folder)
    out = make_folder(out or pathlib.Path(folder) / "report", "out")
    names = {name for row in rows for name in row}
    metrics = sorted({name.removeprefix("val_") for name in names - NO_METRICS})
    written = []
    for title, curves, logarithmic in (*CURVES, *((name, (name, f"val_{name}"), False) for name in metrics)):
        found = [(name, *series(rows, name)) for name in curves if name in names]
        if not any(steps for _, steps, _ in found):
            continue
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for name, steps, values in found:
            axes.plot(steps, values, label=name, marker="." if len(steps) < 30 else None)
        axes.set(title=title.replace("_", " "), xlabel="step")
        if logarithmic and all(value > 0 for _, _, values in found for value in values):
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        axes.legend()
        written.append(out / f"{title}.png")
        with atomic_path(written[-1]) as partial:
            figure.savefig(partial, dpi=120)
    return written
