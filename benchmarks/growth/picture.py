"""The curves of growth as one PNG: a panel for each curve, logarithmic both ways."""

import pathlib
from collections.abc import Mapping

from benchmarks.growth.curves import CURVES
from zoo.files import atomic_path

COLOURS = {"zoo": "#1f5fa8", "keras": "#c8651b", "torch": "#5a5a5a"}
LINES = ("-", "--", ":")


def draw(curves: Mapping[str, tuple], path: pathlib.Path, description: str) -> None:
    """Writes the picture.

    Args:
        curves: what `growth.newest` gives.
        path: of the PNG.
        description: goes into its metadata.

    Raises: ImportError that names the extra, where matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
    except ImportError as error:
        raise ImportError("The picture needs matplotlib: pip install keras-zoo[plots]") from error
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(2, 2).flat, CURVES, strict=True):
        _panel(axes, name, curves.get(name, ({}, []))[1])
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xticks(CURVES[name].points, [str(point) for point in CURVES[name].points])
        axes.xaxis.set_minor_locator(NullLocator())
    with atomic_path(path) as partial:
        canvas.print_figure(partial, format="png", dpi=90, metadata={"Description": description})


def _panel(axes, name: str, points: list) -> None:
    curve, drawn = CURVES[name], {}
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for contender in curve.contenders:
        mine = [one for one in points if one.contender == contender.name and one.median is not None]
        if not mine:
            continue
        style = LINES[drawn.setdefault(contender.group, 0) % len(LINES)]
        drawn[contender.group] += 1
        x, colour = [one.point for one in mine], COLOURS[contender.group]
        axes.plot(
            x, [one.median for one in mine], style, marker="o", ms=4, color=colour, label=contender.name
        )
        axes.fill_between(
            x, [one.low for one in mine], [one.high for one in mine], color=colour, alpha=0.15, linewidth=0
        )
    axes.set_title(curve.about, fontsize=10, loc="left")
    axes.set_xlabel(curve.axis)
    axes.set_ylabel(curve.unit)
    axes.grid(True, color="#e4e4e4", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if drawn:
        axes.legend(fontsize=8, frameon=False)
    else:
        axes.set(xlim=(curve.points[0], curve.points[-1]), ylim=(1, 10))
        axes.text(0.5, 0.5, "not measured yet", ha="center", transform=axes.transAxes)
