"""Results as rows, rows as an aligned table and as a dated CSV."""

import csv
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.items import GROUPS, WorkItem
from benchmarks.runner import Result


@dataclasses.dataclass(frozen=True)
class Ratio:
    """Figure of ours / figure of a peer (times, for throughput too): lower is better for ours.

    Attributes:
        value: of the medians over all rounds.
        low, high: the lowest and highest of any round.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, item: WorkItem, ours: Result, peer: Result) -> "Ratio":
        """What two contenders of one run give."""
        pairs = zip(ours.summaries(item.best), peer.summaries(item.best), strict=True)
        each = [mine / theirs for mine, theirs in pairs]
        return cls(ours.overall(item.best) / peer.overall(item.best), min(each), max(each))

    @classmethod
    def read(cls, row: Mapping[str, str], group: str) -> "Ratio | None":
        """What `write_csv` wrote; None where the row has no ratio to this group."""
        if not row.get(f"to_{group}"):
            return None
        return cls(*(float(row[f"to_{group}{end}"]) for end in ("", "_low", "_high")))

    def __str__(self):
        value, low, high = (f"{n:.2f}" if n >= 0.1 else f"{n:.2g}" for n in (self.value, self.low, self.high))
        return f"{value} ({low}..{high})"


@dataclasses.dataclass(frozen=True)
class Row:
    """One contender of one work item, ready to print.

    `ratios` has at most one entry for each group. `of_ceiling` is the speed of its products / that of a
    float32 matrix product alone; bfloat16 can be above 1.
    """

    item: str
    contender: str
    unit: str
    status: str
    figure: float | None = None
    low: float | None = None
    high: float | None = None
    ratios: Mapping[str, Ratio] = dataclasses.field(default_factory=dict)
    first_call_s: float | None = None
    peak_mb: float | None = None
    of_ceiling: float | None = None


def rows_of(item: WorkItem, results: Sequence[Result], ceiling: float | None = None) -> list[Row]:
    """A row for each contender; those of the zoo get ratios to the best peer of each group, of their dtype.

    A later contender of the zoo (another dtype) also gets its ratio to the zoo's first.

    Args:
        item: the work item.
        results: of its contenders.
        ceiling: GFLOP/s that the machine reaches, where it was measured.
    """
    return [_row(item, result, results, ceiling) for result in results]


def _reference(item: WorkItem, ours: Result, results: Sequence[Result], group: str) -> Result | None:
    """The zoo's first contender, or the best of the peers in a group; None where none ran."""
    if group == "zoo":
        first = next((result for result in results if result.contender.group == group), None)
        return first if first is not None and first.status == "ok" else None
    peers = item.peers(ours.contender, group)
    ran = [result for result in results if result.contender in peers and result.status == "ok"]
    return min(ran, key=lambda result: result.overall(item.best), default=None)


def _row(item: WorkItem, result: Result, results: Sequence[Result], ceiling: float | None) -> Row:
    if result.status != "ok":
        return Row(item.name, result.contender.name, item.unit, result.status)
    references = {group: _reference(item, result, results, group) for group in GROUPS}
    figures = [item.figure(sample) for sample in result.summaries(item.best)]
    ours = result.contender.group == "zoo"
    return Row(
        item.name,
        result.contender.name,
        item.unit + (", lowest" if item.best else ""),
        result.status,
        item.figure(result.overall(item.best)),
        min(figures),
        max(figures),
        {
            group: Ratio.of(item, result, reference)
            for group, reference in references.items()
            if ours and reference is not None and reference is not result
        },
        result.first_call_s,
        result.peak_mb,
        item.gflops / result.overall(item.best) / ceiling if item.gflops and ceiling else None,
    )


def table(rows: Sequence[Row]) -> str:
    """Columns aligned, numbers to the right; a contender that did not run shows why."""
    head = [
        "item",
        "contender",
        "median",
        "unit",
        "to zoo",
        "to keras",
        "to torch",
        "first call s",
        "peak MB",
        "of ceiling",
    ]
    lines = [head]
    for row in rows:
        cells = [row.item, row.contender]
        if row.figure is None:
            lines.append([*cells, row.status])
            continue
        cells += [_number(row.figure), row.unit]
        cells += [str(row.ratios.get(group, "")) for group in GROUPS]
        cells.append("" if row.first_call_s is None else f"{row.first_call_s:.1f}")
        cells.append("" if row.peak_mb is None else f"{row.peak_mb:.0f}")
        lines.append([*cells, "" if row.of_ceiling is None else f"{row.of_ceiling:.2f}"])
    whole = [line for line in lines if len(line) == len(head)]
    widths = [max(len(line[i]) for line in whole) for i in range(len(head))]
    widths[:2] = [max(len(line[i]) for line in lines) for i in (0, 1)]
    right = {2, 7, 8, 9}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right and len(line) == len(head) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=False))
        ).rstrip()
        for line in lines
    )


def _number(value: float) -> str:
    """Three digits or more: 1234, 12.3, 0.123."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def write_csv(path: pathlib.Path, rows: Iterable[Row], header: Mapping[str, str]) -> None:
    """`header` as lines "# key: value", then one line a row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = ["item", "contender", "unit", "median", "low", "high"]
    fields += [f"to_{group}{end}" for group in GROUPS for end in ("", "_low", "_high")]
    fields += ["first_call_s", "peak_mb", "of_ceiling", "status"]
    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in header.items())
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(fields)
        for row in rows:
            ratios = [row.ratios.get(group) for group in GROUPS]
            numbers = [row.figure, row.low, row.high]
            for ratio in ratios:
                numbers += [None] * 3 if ratio is None else [ratio.value, ratio.low, ratio.high]
            cells = [
                "" if n is None else f"{n:.4g}"
                for n in [*numbers, row.first_call_s, row.peak_mb, row.of_ceiling]
            ]
            writer.writerow([row.item, row.contender, row.unit, *cells, row.status])
