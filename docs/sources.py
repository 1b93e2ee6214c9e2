"""Lays the package out as a wheel does, applications/ within zoo/, for the pages drawn from docstrings."""

import pathlib
import shutil

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = ROOT / "build" / "sources"  # `paths` in mkdocs.yml


def on_startup(command: str, dirty: bool) -> None:
    """A hook of MkDocs, called once."""
    shutil.rmtree(SOURCES, ignore_errors=True)
    for folder, package in (("zoo", "zoo"), ("applications", "zoo/applications")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            target = SOURCES / package / path.relative_to(ROOT / folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8")
            # The name under which mkdocstrings shows code and what it gives; a bracket that opens no link.
            text = text.replace("    Example:\n", "    Examples:\n").replace("[, ", "&#91;, ")
            target.write_text(text, encoding="utf-8")
