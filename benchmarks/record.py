"""The dated files of `benchmarks/records`, read back. Rows of old files lack the columns that came later."""

import csv
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping

from benchmarks.items import Contender, WorkItem

RECORDS = pathlib.Path(__file__).parent / "records"


@dataclasses.dataclass(frozen=True)
class Record:
    """A file of `benchmarks/records`: the lines "# key: value" at its head, and its rows by column."""

    header: Mapping[str, str]
    rows: tuple[Mapping[str, str], ...]

    @classmethod
    def read(cls, path: pathlib.Path) -> "Record":
        lines = path.read_text(encoding="utf-8").splitlines()
        head = [line[2:].partition(": ") for line in lines if line.startswith("# ")]
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        return cls({key: value for key, _, value in head}, tuple(rows))

    def of(self, item: WorkItem) -> list[Mapping[str, str]]:
        """The rows of a work item."""
        return [row for row in self.rows if row.get("item") == item.name]


def read_records(folder: pathlib.Path = RECORDS) -> list[Record]:
    """All records of a folder, the newest last."""
    records = (Record.read(path) for path in folder.glob("*.csv"))
    return sorted(records, key=lambda record: record.header.get("date", ""))


def best_peer(
    item: WorkItem, rows: Iterable[Mapping[str, str]], group: str, ours: Contender
) -> Mapping[str, str] | None:
    """The row that the ratio of `ours` to `group` is to: the best of those peers that ran and still exist."""
    members = [contender.name for contender in item.peers(ours, group)]
    ran = [row for row in rows if row["status"] == "ok" and row["contender"] in members]
    pick = max if item.is_rate else min
    return pick(ran, key=lambda row: float(row["median"]), default=None)
