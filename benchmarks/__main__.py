"""`python -m benchmarks`: the zoo and its peers side by side."""

import os
import pathlib

import click

from benchmarks import ceiling
from benchmarks.check import summary, verdicts
from benchmarks.items import FAMILIES, ITEMS, WorkItem
from benchmarks.machine import describe
from benchmarks.record import RECORDS, read_records
from benchmarks.report import rows_of, table, write_csv
from benchmarks.runner import measure


@click.command()
@click.option(
    "--item", "names", multiple=True, type=click.Choice(list(ITEMS)), help="Only this one; repeatable."
)
@click.option(
    "--family",
    "families",
    multiple=True,
    type=click.Choice(list(FAMILIES)),
    help="All items of this one; repeatable.",
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
@click.option(
    "--check",
    is_flag=True,
    help="Compare with what is on record; runs the guarded items and those of --item.",
)
@click.option(
    "--records",
    default=RECORDS,
    type=click.Path(exists=True, file_okay=False, path_type=pathlib.Path),
    help="Folder of the records to compare with, instead of benchmarks/records.",
)
@click.option("--list", "listing", is_flag=True, help="Show items and contenders, and stop.")
def main(
    names: tuple[str, ...],
    families: tuple[str, ...],
    rounds: int,
    steps: int,
    threads: int,
    out: pathlib.Path | None,
    check: bool,
    records: pathlib.Path,
    listing: bool,
) -> None:
    """Measures the zoo and its peers, in turns, each in a process of its own.

    Ratios are figure of ours / figure of the best peer of that dtype (for images/s and tokens/s, of the
    times): below 1 the zoo is ahead. In brackets the lowest and highest of any round. The ceiling is the
    machine's speed in a float32 matrix product of 1024 x 1024, measured at the start. Exit code 1 if a
    contender failed, and with --check if a ratio is worse than recorded by more than the noise of both
    (benchmarks/check.py).
    """
    items = chosen(names, families, check)
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
    reach = ceiling.measure(threads) if any(item.gflops for item in items) else None
    header |= {"ceiling": f"{reach:.0f} GFLOP/s, float32 matrix product"} if reach else {}
    for key, value in header.items():
        click.echo(f"{key}: {value}")
    found, judged, recorded = [], [], read_records(records)
    try:
        for item in items:
            results = measure(item, rounds, steps, threads, lambda text: click.echo(text, err=True))
            found += rows_of(item, results, reach)
            judged += verdicts(item, results, recorded, header) if check else []
            if out is not None:
                write_csv(out, found, header)  # a run that is stopped keeps the items it finished
    finally:
        click.echo("\n" + table(found))
    if check:
        click.echo("\n".join(["", *map(str, judged), summary(judged)]))
    if any(row.status.startswith("failed") for row in found) or any(line.fails for line in judged):
        raise SystemExit(1)


def chosen(names: tuple[str, ...], families: tuple[str, ...], guards: bool) -> list[WorkItem]:
    """The items of these names and those of these families, each once; without either all.

    With `guards` of the items that are not named only the guarded ones.
    """
    several = [item for family in families for item in FAMILIES[family]]
    if not names and not families:
        several = list(ITEMS.values())
    wanted = {*names, *(item.name for item in several if item.guard or not guards)}
    if not wanted:
        raise click.UsageError(
            f"--check: expected a family with a guarded item, found {', '.join(families)}; name one by --item"
        )
    return [item for item in ITEMS.values() if item.name in wanted]


if __name__ == "__main__":
    main()
