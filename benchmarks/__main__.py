"""`python -m benchmarks`: the zoo and its peers side by side."""

import os
import pathlib

import click

from benchmarks.items import ITEMS
from benchmarks.machine import describe
from benchmarks.report import rows_of, table, write_csv
from benchmarks.runner import measure


@click.command()
@click.option(
    "--item", "names", multiple=True, type=click.Choice(list(ITEMS)), help="Only this one; repeatable."
)
@click.option(
    "--rounds", default=3, show_default=True, type=click.IntRange(1), help="Turns of each contender."
)
@click.option(
    "--steps",
    default=6,
    show_default=True,
    type=click.IntRange(1),
    help="Steps a turn, unless fixed by the item.",
)
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1), help="Of every library.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write a CSV record here."
)
@click.option("--list", "listing", is_flag=True, help="Show items and contenders, and stop.")
def main(
    names: tuple[str, ...], rounds: int, steps: int, threads: int, out: pathlib.Path | None, listing: bool
) -> None:
    """Measures the zoo and its peers, in turns, each in a process of its own.

    Ratios are figure of ours / figure of the best peer (for images/s, of the times): below 1 the zoo is
    ahead. In brackets the lowest and highest of any round. Exit code 1 if a contender failed.
    """
    items = [ITEMS[name] for name in names or ITEMS]
    if listing:
        for item in items:
            click.echo(f"{item.name}: {item.about} [{item.unit}]")
            for contender in item.contenders:
                missing = contender.missing()
                click.echo(f"  {contender.name}" + (f" (missing: {', '.join(missing)})" if missing else ""))
        return
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as `import zoo` does: kernels alike for all
    header = {**describe(threads), "oneDNN": os.environ["TF_ENABLE_ONEDNN_OPTS"]}
    header |= {"rounds": str(rounds), "steps": str(steps)}
    for key, value in header.items():
        click.echo(f"{key}: {value}")
    found = []
    try:
        for item in items:
            results = measure(item, rounds, steps, threads, lambda text: click.echo(text, err=True))
            found += rows_of(item, results)
            if out is not None:
                write_csv(out, found, header)  # a run that is stopped keeps the items it finished
    finally:
        click.echo("\n" + table(found))
    if any(row.status.startswith("failed") for row in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
