"""What was measured of a curve: points, their records, and a table of them."""

import csv
import dataclasses
import hashlib
import pathlib
import statistics
from collections.abc import Mapping, Sequence

from benchmarks.growth.curves import CURVES, Curve
from benchmarks.record import RECORDS, read_records
from benchmarks.runner import Result

GROWTH = RECORDS / "growth"
FIELDS = ("curve", "contender", "point", "unit", "median", "low", "high", "status")


@dataclasses.dataclass(frozen=True)
class Point:
    """A contender at one point of a curve: the median over all steps, and the lowest and highest round."""

    curve: str
    contender: str
    point: int
    unit: str
    status: str = "ok"
    median: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, curve: Curve, point: int, result: Result) -> "Point":
        """What the samples of a contender, in seconds, come to."""
        start = (curve.name, result.contender.name, point, curve.unit, result.status)
        if result.status != "ok":
            return cls(*start)
        rounds = [curve.figure(statistics.median(samples), point) for samples in result.rounds]
        return cls(*start, curve.figure(result.overall(best=False), point), min(rounds), max(rounds))

    @classmethod
    def read(cls, row: Mapping[str, str]) -> "Point":
        """A row that `write` wrote."""
        figures = (float(row[key]) if row[key] else None for key in ("median", "low", "high"))
        return cls(row["curve"], row["contender"], int(row["point"]), row["unit"], row["status"], *figures)


def write(path: pathlib.Path, points: Sequence[Point], header: Mapping[str, str]) -> None:
    """`header` as lines "# key: value", then a line for each contender at each point."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in header.items())
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for point in points:
            figures = (point.median, point.low, point.high)
            cells = ("" if figure is None else f"{figure:.4g}" for figure in figures)
            writer.writerow([point.curve, point.contender, point.point, point.unit, *cells, point.status])


def newest(folder: pathlib.Path = GROWTH) -> dict[str, tuple[Mapping[str, str], list[Point]]]:
    """Each curve that still exists: (header of its newest record, its points there)."""
    found = {}
    for record in read_records(folder):
        for name in CURVES:
            points = [Point.read(row) for row in record.rows if row["curve"] == name]
            found |= {name: (record.header, points)} if points else {}
    return {name: found[name] for name in CURVES if name in found}


def digest(folder: pathlib.Path = GROWTH) -> str:
    """sha256 of all that the picture shows."""
    shown = [(CURVES[name].about, points) for name, (_, points) in newest(folder).items()]
    return hashlib.sha256(repr(shown).encode()).hexdigest()


def table(folder: pathlib.Path = GROWTH) -> str:
    """The figures of the picture: a table for each curve, a column for each point."""
    parts = []
    for name, (header, points) in newest(folder).items():
        curve = CURVES[name]
        head = f"**{curve.about}**: {curve.unit} by {curve.axis} ({header['date'][:10]}, {header['cpu']})"
        lines = ["| | " + " | ".join(map(str, curve.points)) + " |", "|---" * (1 + len(curve.points)) + "|"]
        for contender in curve.contenders:
            at = {point.point: point for point in points if point.contender == contender.name}
            cells = [
                ("" if one is None else one.status if one.median is None else f"{one.median:.4g}")
                for one in map(at.get, curve.points)
            ]
            lines.append(f"| {contender.name} | " + " | ".join(cells) + " |")
        parts += [head, "\n".join(lines)]
    return "\n\n".join(parts)
