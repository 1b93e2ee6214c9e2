"""Where XLA inside of a replica pays, in processor seconds: `python -m benchmarks.inner_xla --out FILE.csv`.

The items stand in `benchmarks.xla_items`, outside of the comparison with peers. Both contenders of one live
in one process and take turns, and what counts is the time that the processors worked, so that neighbours on a
busy machine hardly show.
"""

import pathlib
import time

import click

from benchmarks.machine import describe
from benchmarks.report import rows_of, table, write_csv
from benchmarks.runner import Result
from benchmarks.worker import set_threads
from benchmarks.xla_items import XLA_ITEMS


def measure(item, rounds: int) -> list[Result]:
    """A result for each contender, its samples the processor seconds of a step."""
    results, steps = [], []
    for contender in item.contenders:
        step = contender.prepare()
        begin = time.process_time()
        step()
        results.append(Result(contender, first_call_s=time.process_time() - begin))
        steps.append(step)
    for _ in range(rounds):
        for result, step in zip(results, steps, strict=True):
            begin = time.process_time()
            step()
            result.rounds.append([time.process_time() - begin])
    return results


@click.command()
@click.option("--kind", "kinds", multiple=True, help="Only this model, such as mlp; repeatable.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write a CSV record here."
)
def main(kinds: tuple[str, ...], rounds: int, out: pathlib.Path | None) -> None:
    """Processor milliseconds of training steps, plain and with forward and backward compiled by XLA."""
    set_threads(2)
    header = {**describe(2), "measured": "processor time of all threads", "rounds": str(rounds)}
    found = []
    for item in XLA_ITEMS:
        if not kinds or item.name.removeprefix("inner_xla_") in kinds:
            found += rows_of(item, measure(item, rounds))
            click.echo(table(found))
            if out is not None:
                write_csv(out, found, header)


if __name__ == "__main__":
    main()
