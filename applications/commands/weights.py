"""`zoo list`, `zoo export` and `zoo quickstart`."""

import click
from zoo.applications.commands.common import load, user_errors


@click.command("list")
@click.argument("pattern", default="*")
@user_errors
def list_weights(pattern):
    """Named weights, for instance `zoo list "resnet*"`."""
    from zoo.hub import registry

    rows = [registry.find(name) for name in registry.list_pretrained(pattern)]
    if not rows:
        raise ValueError(
            f"pattern: expected a pattern that matches some name, found {pattern!r}; try `zoo list`"
        )
    table = [("name", "application", "parameters", "result", "licence")]
    for row in rows:
        table.append((row.name, row.application, f"{row.parameters:,}", row.metric, row.licence))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@click.command()
@click.argument("name")
@click.argument("folder")
@user_errors
def export(name, folder):
    """Write weights NAME as a SavedModel into FOLDER, checked against `predict`."""
    application = load(name)
    application.export(folder)
    click.echo(f"SavedModel in {folder}; signatures: {', '.join(application.signatures())}")


@click.command()
@click.option("--out", default="quickstart", show_default=True, help="Folder for what is written.")
@user_errors
def quickstart(out):
    """Load, fine-tune, evaluate, export and reload the bundled network on embedded data."""
    from zoo.applications import quickstart as tour

    tour.run(out)
