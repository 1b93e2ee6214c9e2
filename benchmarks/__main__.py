"""`python -m benchmarks`: the zoo and its peers side by side."""

import os
import pathlib

import click

from benchmarks import ceiling
from benchmarks.check import summary, verdicts
from benchmarks.gpu_peak import assumed_peak, device
from benchmarks.items import FAMILIES, ITEMS, SUITES, WorkItem
from benchmarks.machine import describe
from benchmarks.record import RECORDS, read_records
from benchmarks.report import rows_of, table, write_csv
from benchmarks.runner import measure


@click.command()
@click.option(
    "--suite",
    default="cpu",
    show_default=True,
    type=click.Choice(list(SUITES)),
    help="gpu: the zoo on JAX beside torch, on the accelerator.",
)
@click.option(
    "--peak",
    type=click.FloatRange(0, min_open=True),
    help="10^12 operations a second that the accelerator is assumed to reach; by its name otherwise.",
)
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
    suite: str,
    peak: float | None,
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
    machine's speed in a float32 matrix product of 1024 x 1024, measured at the start; of the suite gpu the
    assumed peak of the accelerator, so that the share is the model's FLOPs utilisation. Exit code 1 if a
    contender failed, and with --check if a ratio is worse than recorded by more than the noise of both
    (benchmarks/check.py).
    """
    items = chosen(names, families, check, suite)
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
    reach, said = reach_of(items, threads, peak)
    header |= said
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


def reach_of(items: list[WorkItem], threads: int, peak: float | None) -> tuple[float | None, dict[str, str]]:
    """The ceiling of these items, GFLOP/s, and the lines of the header that say it.

    Of the suite gpu it is the peak that is assumed of the accelerator; else, and where there is none, the
    speed of a matrix product on the processor. None where no item counts its operations.
    """
    if not any(item.gflops for item in items):
        return None, {}
    name = device() if any(item.suite == "gpu" for item in items) else None
    peak = peak or (assumed_peak(name) if name else None)
    if peak:
        found = {"accelerator": name or "unknown"}
        return 1000 * peak, {**found, "ceiling": f"{1000 * peak:.0f} GFLOP/s, assumed peak in bfloat16"}
    if name:
        return None, {"accelerator": name, "ceiling": "unknown; give it by --peak"}
    reach = ceiling.measure(threads)
    return reach, {"ceiling": f"{reach:.0f} GFLOP/s, float32 matrix product"}


def chosen(
    names: tuple[str, ...], families: tuple[str, ...], guards: bool, suite: str = "cpu"
) -> list[WorkItem]:
    """The items of these names and those of these families of the suite, each once; without either the suite.

    With `guards` of the items that are not named only the guarded ones.
    """
    several = [item for family in families for item in SUITES[suite].get(family, ())]
    if not names and not families:
        several = [item for item in ITEMS.values() if item.suite == suite]
    wanted = {*names, *(item.name for item in several if item.guard or not guards)}
    if not wanted:
        what = f"{'--check: ' * guards}expected {'a guarded' if guards else 'an'} item of the suite {suite}"
        where = f" in {', '.join(families)}" if families else ""
        raise click.UsageError(f"{what}, found none{where}; name one by --item")
    return [item for item in ITEMS.values() if item.name in wanted]


if __name__ == "__main__":
    main()
