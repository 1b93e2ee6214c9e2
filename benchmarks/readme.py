"""The tables of README.md, generated: weights from the registry, speed from the newest records.

    python -m benchmarks.readme

rewrites what stands between `<!-- NAME -->` and `<!-- /NAME -->`, there and in docs/ (`benchmarks.pages`); a
test holds the pages to what this gives, so that no figure is edited by hand.
"""

import pathlib
import re
from collections.abc import Iterator

from benchmarks import speed
from benchmarks.goals import GOALS
from benchmarks.pages import drawn, fill
from benchmarks.record import RECORDS, read_records
from zoo.hub import registry

ROOT = pathlib.Path(__file__).parents[1]


def weights_table() -> str:
    lines = ["| name | application | parameters | result | licence |", "|---|---|---|---|---|"]
    for name in registry.list_pretrained():
        entry = registry.find(name)
        count = f"{entry.parameters / 1e6:.3g}M"
        lines.append(
            f"| `{name}` | `{entry.application}` | {count} | {entry.metric} | {entry.licence} |",
        )
    return "\n".join(lines)


def sections(folder: pathlib.Path = RECORDS) -> dict[str, str]:
    headlines = {(goal.item, goal.contender) for goal in GOALS}
    found = speed.newest(read_records(folder))
    newest = {name: found[name] for name in found if name in {item for item, _ in headlines}}
    return {
        "weights": weights_table(),
        "speed": f"{speed.table(newest, headlines)}\n\n{speed.machines(newest)}",
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
