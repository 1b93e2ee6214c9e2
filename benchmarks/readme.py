"""The tables of README.md, generated: weights from the registry, speed from the newest records.

    python -m benchmarks.readme

rewrites what stands between `<!-- NAME -->` and `<!-- /NAME -->`, there and in docs/ (`benchmarks.pages`); a
test holds the pages to what this gives, so that no figure is edited by hand.
"""

import pathlib
import re
from collections.abc import Iterator, Mapping

from benchmarks.items import ITEMS
from benchmarks.pages import drawn, fill
from benchmarks.record import RECORDS, Record, best_peer, read_records
from benchmarks.report import Ratio
from zoo.hub import registry

ROOT = pathlib.Path(__file__).parents[1]


def newest(folder: pathlib.Path = RECORDS) -> dict[str, tuple[Record, list[Mapping[str, str]]]]:
    """Each work item that still exists: (its newest record, its rows there), in the order of `ITEMS`."""
    found = {}
    for record in read_records(folder):
        found |= {name: (record, rows) for name, item in ITEMS.items() if (rows := record.of(item))}
    return {name: found[name] for name in ITEMS if name in found}


def weights_table() -> str:
    lines = ["| name | application | parameters | result | licence |", "|---|---|---|---|---|"]
    for name in registry.list_pretrained():
        entry = registry.find(name)
        count = f"{entry.parameters / 1e6:.3g}M"
        lines.append(
            f"| `{name}` | `{entry.application}` | {count} | {entry.metric} | {entry.licence} |",
        )
    return "\n".join(lines)


def speed_table(folder: pathlib.Path = RECORDS) -> str:
    lines = [
        "| work | zoo | best Keras peer | best PyTorch peer | zoo / Keras | zoo / PyTorch | measured |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (record, rows) in newest(folder).items():
        item = ITEMS[name]
        ours = {contender.name: contender for contender in item.contenders if contender.group == "zoo"}
        for row in (row for row in rows if row["status"] == "ok" and row["contender"] in ours):
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


def machines(folder: pathlib.Path = RECORDS) -> str:
    """Where the rows of the speed table were measured: a line for each machine, with the items."""
    keys = ("cpu", "threads", "flags", "oneDNN", "tensorflow", "keras", "torch")
    lines = {}
    for name, (record, _) in newest(folder).items():
        text = ", ".join(f"{key} {record.header[key]}" for key in keys if key in record.header)
        lines.setdefault(text, []).append(name)
    return "\n".join(f"- {line}: {', '.join(names)}" for line, names in lines.items())


def sections(folder: pathlib.Path = RECORDS) -> dict[str, str]:
    return {
        "weights": weights_table(),
        "speed": f"{speed_table(folder)}\n\n{machines(folder)}",
    }


def generated(text: str, folder: pathlib.Path = RECORDS) -> str:
    """`text` with its sections written anew; ValueError where a mark is missing."""
    return fill(text, sections(folder), "README.md")


def python_blocks(text: str) -> Iterator[str]:
    """The blocks of Markdown that are marked as Python."""
    yield from re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(generated(readme.read_text(encoding="utf-8")), encoding="utf-8")
    for path, text in drawn():
        path.write_text(text, encoding="utf-8")
