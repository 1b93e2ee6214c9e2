"""The regression guard: the ratios of a run against the recorded ones (`python -m benchmarks --check`).

Compared are ratios, time of ours / time of a peer in the same rounds, because a busy machine slows both; and
each with the recorded ratio of the same two, ours and the peer that was the best of its group on record. A
ratio is worse than recorded where

    lowest found > MARGIN * highest recorded

over the rounds of each run and its medians. What the rounds of a run differ by is thus allowed twice, once
for each run. MARGIN is for what they do not show, another day and another neighbour: of two records of one
item on one machine the lowest ratio of one was at most 1.19 times the highest of the other (resnet20_train
to plain Keras, 2026-11-23, and between them oneDNN was switched on for the peer).

A record of another machine is shown, but nothing fails by it: processors differ in which library suits them
(resnet20_inference to torch: 0.97 on a Zen 3, 0.80 on a Zen 4). A ratio beyond such a limit is "elsewhere".

Run it on an idle machine. Where neighbours hold the processors, torch's threads, which wait for each other,
lose more than TensorFlow's (resnet20_inference: 0.11 of torch's time found beside two busy processes,
2026-11-28), so that a ratio to torch passes too easily.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from benchmarks.items import GROUPS, Contender, WorkItem
from benchmarks.record import Record, best_peer
from benchmarks.report import Ratio
from benchmarks.runner import Result

MARGIN = 1.25
MACHINE = ("cpu", "flags", "threads")  # what of a record's header makes its machine like another
STATUSES = ("ok", "worse", "elsewhere", "not recorded", "missing", "failed")


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A ratio on record: to which peer, of what date, and on which processor where it was another."""

    ratio: Ratio
    peer: str
    date: str
    elsewhere: str = ""

    @property
    def limit(self) -> float:
        """The ratio above which every round must be before it counts as worse."""
        return MARGIN * max(self.ratio.value, self.ratio.high)

    def __str__(self):
        where = f" on {self.elsewhere}" if self.elsewhere else ""
        return f"recorded {self.ratio} of {self.date[:10]}{where}, limit {self.limit:.2g}"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One line of the guard.

    Attributes:
        item: name of the work item.
        who: ours / the peer, or the contender that did not run.
        status: "ok", "worse", "elsewhere" (worse than on another machine) or "not recorded"; of who did not
            run "missing: PACKAGES" or "failed: REASON".
        found: the ratio of this run.
        recorded: what it is held against.
    """

    item: str
    who: str
    status: str
    found: Ratio | None = None
    recorded: Recorded | None = None

    @property
    def fails(self) -> bool:
        return self.status == "worse" or self.status.startswith("failed")

    def __str__(self):
        parts = [f"{self.item}: {self.who}: {self.status}"]
        parts += [f"found {self.found}"] if self.found else []
        parts += [str(self.recorded)] if self.recorded else []
        return "; ".join(parts)


def verdicts(
    item: WorkItem, results: Sequence[Result], records: Sequence[Record], here: Mapping[str, str]
) -> list[Verdict]:
    """Who did not run, and each ratio of those who did.

    Args:
        item: the work item.
        results: what its contenders did in this run.
        records: the newest last, as `read_records` gives them.
        here: the header of this run, for records of the same machine.
    """
    lines = [Verdict(item.name, r.contender.name, r.status) for r in results if r.status != "ok"]
    ran = {result.contender.name: result for result in results if result.status == "ok"}
    for ours in (result for result in ran.values() if result.contender.group == "zoo"):
        for group in (group for group in GROUPS if group != "zoo"):
            recorded = find(item, ours.contender, group, records, here)
            if recorded is not None:
                peer = ran.get(recorded.peer)
            else:
                peers = [ran[one.name] for one in item.peers(ours.contender, group) if one.name in ran]
                peer = min(peers, key=lambda result: result.overall(item.best), default=None)
            if peer is not None:
                found = Ratio.of(item, ours, peer)
                who = f"{ours.contender.name} / {peer.contender.name}"
                lines.append(Verdict(item.name, who, judge(found, recorded), found, recorded))
    return lines


def judge(found: Ratio, recorded: Recorded | None) -> str:
    if recorded is None:
        return "not recorded"
    if min(found.value, found.low) <= recorded.limit:
        return "ok"
    return "elsewhere" if recorded.elsewhere else "worse"


def find(
    item: WorkItem, ours: Contender, group: str, records: Sequence[Record], here: Mapping[str, str]
) -> Recorded | None:
    """The newest recorded ratio of a contender of ours to the best of a group; None where there is none.

    A record of a machine like this one goes before a newer one of another.
    """
    alike, others = None, None
    for record in records:
        rows = record.of(item)
        ratios = [Ratio.read(row, group) for row in rows if row["contender"] == ours.name]
        peer = best_peer(item, rows, group, ours)
        if peer is None or not any(ratios):
            continue
        date = record.header.get("date", "")
        if all(record.header.get(key) == here.get(key) for key in MACHINE):
            alike = Recorded(ratios[0], peer["contender"], date)
        else:
            others = Recorded(ratios[0], peer["contender"], date, record.header.get("cpu", "another machine"))
    return alike or others


def summary(lines: Sequence[Verdict]) -> str:
    """How many of which; one that compared nothing shows it."""
    compared = sum(line.found is not None and line.recorded is not None for line in lines)
    counts = {status: sum(line.status.startswith(status) for line in lines) for status in STATUSES}
    return f"{compared} ratios compared: " + ", ".join(
        f"{count} {status}" for status, count in counts.items()
    )
