"""Records as tables of Markdown: the newest rows, on all machines or on each; goals met and missed.

    python -m benchmarks.readme

writes them into README.md and docs/speed.md.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping

from benchmarks.goals import GOALS, LEVEL, PEERS, reason
from benchmarks.items import ITEMS
from benchmarks.record import Record, best_peer
from benchmarks.report import Ratio

Newest = Mapping[str, tuple[Record, list[Mapping[str, str]]]]


def newest(records: Iterable[Record]) -> Newest:
    """Each work item that still exists: (its newest record, its rows there), in the order of `ITEMS`."""
    found = {}
    for record in records:
        found |= {name: (record, rows) for name, item in ITEMS.items() if (rows := record.of(item))}
    return {name: found[name] for name in ITEMS if name in found}


def by_machine(records: Iterable[Record]) -> dict[str, Newest]:
    """`newest` for each processor, the one measured last first."""
    parts = {}
    for record in records:
        parts[record.header["cpu"]] = [*parts.pop(record.header["cpu"], []), record]
    return {cpu: newest(part) for cpu, part in reversed(parts.items())}


def table(newest: Newest, only: Collection[tuple[str, str]] | None = None) -> str:
    """A line for each contender of the zoo, or for `only` these (item, contender)."""
    lines = [
        "| work | zoo | best Keras peer | best PyTorch peer | zoo / Keras | zoo / PyTorch | measured |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (record, rows) in newest.items():
        item = ITEMS[name]
        ours = {contender.name: contender for contender in item.contenders if contender.group == "zoo"}
        for row in (row for row in rows if row["status"] == "ok" and row["contender"] in ours):
            if only is not None and (name, row["contender"]) not in only:
                continue
            own = ours[row["contender"]]
            keras, torch = (_figure(best_peer(item, rows, group, own)) for group in ("keras", "torch"))
            work = f"{name}: {item.about}; {row['contender'].removeprefix('zoo').strip(' ,') or 'zoo'}"
            ratios = [str(Ratio.read(row, group) or "") for group in ("keras", "torch")]
            cells = [
                work,
                f"{row['median']} {row['unit']}",
                keras,
                torch,
                *ratios,
                record.header["date"][:10],
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _figure(row: Mapping[str, str] | None) -> str:
    return f"{row['median']} ({row['contender']})" if row else ""


def machines(newest: Newest) -> str:
    """Where the rows of the speed table were measured: a line for each machine, with the items."""
    keys = ("cpu", "threads", "flags", "oneDNN", "tensorflow", "keras", "torch")
    lines = {}
    for name, (record, _) in newest.items():
        text = ", ".join(f"{key} {record.header[key]}" for key in keys if key in record.header)
        lines.setdefault(text, []).append(name)
    return "\n".join(f"- {line}: {', '.join(names)}" for line, names in lines.items())


@dataclasses.dataclass(frozen=True)
class Ours:
    """A row of the zoo with its ratio to the best peer of a group, and at most what it is to be."""

    item: str
    contender: str
    group: str
    ratio: Ratio
    goal: float

    @property
    def met(self) -> bool:
        """Whether the ratio of the medians is at most the goal, to two digits."""
        return round(self.ratio.value, 2) <= self.goal


def ours(newest: Newest) -> Iterator[Ours]:
    """Every ratio of the zoo. Without a goal for its item, contender and group it is to be level."""
    goals = {(goal.item, goal.contender, group): getattr(goal, group) for goal in GOALS for group in PEERS}
    for name, (_, rows) in newest.items():
        for row in (row for row in rows if row["status"] == "ok"):
            for group in PEERS:
                if ratio := Ratio.read(row, group):
                    goal = goals.get((name, row["contender"], group))
                    yield Ours(name, row["contender"], group, ratio, LEVEL if goal is None else goal)


def goals_table(parts: Mapping[str, Newest]) -> str:
    """A line for each goal, a column for each machine: the ratio, bold where the goal is missed."""
    lines = ["| work | zoo / | at most | " + " | ".join(parts) + " |", "|---|---|---|" + "---|" * len(parts)]
    found = [{(row.item, row.contender, row.group): row for row in ours(part)} for part in parts.values()]
    for goal in GOALS:
        for group in PEERS:
            if (at_most := getattr(goal, group)) is not None:
                rows = [part.get((goal.item, goal.contender, group)) for part in found]
                work, peer = f"{goal.item}; {goal.contender}", _peer(goal.item, group)
                cells = [work, peer, f"{at_most:.2f}", *map(_cell, rows)]
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _peer(item: str, group: str) -> str:
    """The peers of a group, or the one there is."""
    names = [contender.name for contender in ITEMS[item].contenders if contender.group == group]
    return names[0] if len(names) == 1 else PEERS[group]


def _cell(row: Ours | None) -> str:
    if row is None:
        return ""
    return str(row.ratio) if row.met else f"**{row.ratio}**"


def behind(newest: Newest) -> str:
    """By reason, the rows that miss their goal or have a peer ahead; ValueError where one has no reason."""
    found = {}
    for row in (row for row in ours(newest) if not row.met):
        why = reason(newest[row.item][0].header["cpu"], row.item, row.contender, row.group)
        if why is None and row.ratio.low <= row.goal:
            why = "Within the spread of the rounds."
        if why is None:
            raise ValueError(
                f"benchmarks/goals.py: expected a reason for {row.item}, {row.contender}, {row.group}: "
                f"{row.ratio}, found none"
            )
        text = f"{row.item}, {row.contender}: {row.ratio.value:.2f} of {_peer(row.item, row.group)}"
        text += "" if row.goal == LEVEL else f" (goal {row.goal:.2f})"
        found.setdefault(why, []).append(text)
    return "\n".join(f"- **{why}** {'; '.join(rows)}." for why, rows in found.items())


def machine_tables(parts: Mapping[str, Newest]) -> str:
    """`table` of each machine under its name."""
    return "\n\n".join(f"### {cpu}\n\n{table(part)}\n\n{machines(part)}" for cpu, part in parts.items())


def sections(records: Iterable[Record]) -> dict[str, str]:
    """What docs/speed.md has drawn."""
    parts = by_machine(records)
    return {
        "goals": goals_table(parts),
        "behind": behind(newest(records)),
        "machines": machine_tables(parts),
    }
