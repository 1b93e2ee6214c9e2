"""What is drawn in the pages of docs/: cards from the registry, results of recipes, costs that grow.

    python -m benchmarks.readme

writes it between `<!-- NAME -->` and `<!-- /NAME -->`, with README's tables; a test holds the pages to it.
"""

import csv
import importlib
import inspect
import pathlib
import re
from collections.abc import Iterator, Mapping

from zoo.applications import recipes

from benchmarks import speed
from benchmarks.growth import points
from benchmarks.record import read_records
from zoo.hub import registry
from zoo.hub.registry import Weights

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
RESULTS = ROOT / "benchmarks" / "results.csv"


def fill(text: str, sections: Mapping[str, str], page: str) -> str:
    """`text` with its sections written anew; ValueError where a mark is missing in `page`."""
    for name, body in sections.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{page}: expected one {begin} and one {end}, found {text.count(begin)}")
        text = re.sub(
            f"{re.escape(begin)}.*{re.escape(end)}",
            lambda _, parts=(begin, body, end): "\n".join(parts),
            text,
            flags=re.DOTALL,
        )
    return text


def drawn() -> Iterator[tuple[pathlib.Path, str]]:
    """Each page of docs/ that has drawn sections, and what should stand in it."""
    sections = {
        "models.md": {"cards": cards()},
        "growth.md": {"growth": points.table()},
        "speed.md": speed.sections(read_records()),
        "recipes.md": {"results": results_table(), "defaults": defaults_table(), "records": records()},
    }
    for name, parts in sections.items():
        yield DOCS / name, fill((DOCS / name).read_text(encoding="utf-8"), parts, f"docs/{name}")


def cards() -> str:
    """A model card for each registered name."""
    return "\n\n".join(card(registry.find(name)) for name in registry.list_pretrained())


def card(entry: Weights) -> str:
    training = entry.recipe
    if entry.recipe in recipes.names():
        recipe = recipes.find(entry.recipe)
        training = (
            f"recipe [{entry.recipe}](recipes.md): {recipe.epochs} epochs, batch {recipe.batch_size}, "
            f"{recipe.optimizer} at {recipe.learning_rate:g} ({recipe.schedule})"
        )
    measured = "".join(
        f", {row['seeds']} seed{'s' * (row['seeds'] != '1')}, {row['date']}"
        for row in results()
        if row["recipe"] == entry.recipe
    )
    digest = f"sha256 `{entry.sha256}`" if entry.sha256 else "checked by keras.applications"
    parts = {
        "Use": entry.use,
        "Data": f"{entry.data}.",
        "Training": f"{training}.",
        "Result": f"{entry.metric}{measured}. {entry.notes}".strip(),
        "Limits": entry.limits,
        "Licence": f"{entry.licence}.",
        "Also begins": ", ".join(f"`{name}`" for name in entry.also),
        "Source": f"`{entry.source}`, {digest}.",
        "More": f"<{entry.url}>" if entry.url else "",
    }
    lines = [f"- **{key}** {text}" for key, text in parts.items() if text]
    head = (
        f'`{entry.application}.from_pretrained("{entry.name}")`: a `{entry.model}`, '
        f"{entry.parameters:,} parameters."
    )
    return "\n".join([f"## {entry.name}", "", head, "", *lines])


def results() -> list[dict[str, str]]:
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results_table() -> str:
    lines = [
        "| recipe | application | data | result | seeds | epochs | hardware | versions | date |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results():
        recipe = recipes.find(row["recipe"])
        cells = [
            f"`{row['recipe']}`",
            f"`{recipe.application}`",
            f"`{recipe.data}`",
            f"{row['metric']} {row['value']}",
            *(row[key] for key in ("seeds", "epochs", "hardware", "versions", "date")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def defaults_table() -> str:
    """Recipes for data of the user's own, which have no result."""
    lines = ["| recipe | application | begins from | what |", "|---|---|---|---|"]
    for name in recipes.names():
        recipe = recipes.find(name)
        if not recipe.data:
            what = _docstring(name).partition("\n")[0]
            lines.append(f"| `{name}` | `{recipe.application}` | `{recipe.start or recipe.model}` | {what} |")
    return "\n".join(lines)


def records() -> str:
    """The docstring of each recipe with a result."""
    return "\n\n".join(
        f"### {row['recipe']}\n\n```text\n{_docstring(row['recipe'])}\n```" for row in results()
    )


def _docstring(name: str) -> str:
    return inspect.getdoc(importlib.import_module(f"zoo.applications.recipes.{name.replace('.', '_')}"))
