"""`python -m benchmarks.growth`: measures the curves, or draws them."""

import dataclasses
import os
import pathlib
from collections.abc import Callable

import click

from benchmarks.growth.curves import CURVES, Curve
from benchmarks.growth.points import Point, digest, newest, write
from benchmarks.machine import describe
from benchmarks.runner import Result, Worker, failure_noted

PICTURE = pathlib.Path(__file__).parents[2] / "docs" / "growth.png"


def measure(curve: Curve, rounds: int, threads: int, say: Callable[[str], None]) -> list[Point]:
    """All points of a curve: each round goes through all of them, so that a busy minute spoils no point.

    A contender whose process ended is not asked again.
    """
    if curve.apart:
        alone = (dataclasses.replace(curve, points=(point,), apart=False) for point in curve.points)
        return [found for one in alone for found in measure(one, rounds, threads, say)]
    results = {(point, one.name): Result(one) for point in curve.points for one in curve.contenders}
    workers: dict[str, Worker] = {}
    try:
        for one in curve.contenders:
            if missing := one.missing():
                for point in curve.points:
                    results[point, one.name].status = f"missing: {', '.join(missing)}"
            else:
                options = (curve.name, one.name, "--threads", str(threads))
                workers[one.name] = Worker("benchmarks.growth.worker", *options)
        for turn in range(-1, rounds):
            for (point, name), result in results.items():
                if result.status == "ok" and workers[name].process.poll() is not None:
                    result.status = "failed: at another point"
                if result.status != "ok":
                    continue
                say(f"{curve.name} {point}: {name}, " + (f"round {turn + 1}" if turn >= 0 else "warm-up"))
                with failure_noted(result):
                    samples = workers[name].ask(f"{'go' if turn >= 0 else 'warm'} {point}")["samples"]
                    result.rounds += [samples] if turn >= 0 else []
    finally:
        for worker in workers.values():
            worker.close()
    return [Point.of(curve, point, result) for (point, _), result in results.items()]


@click.command()
@click.option(
    "--curve", "names", multiple=True, type=click.Choice(list(CURVES)), help="This one; repeatable."
)
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="Turns at each point.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1), help="Of every library.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=pathlib.Path), help="Write a CSV record here."
)
@click.option("--draw", is_flag=True, help="Measure nothing; draw what is on record.")
@click.option(
    "--picture",
    default=PICTURE,
    show_default="docs/growth.png",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="The PNG that --draw writes.",
)
def main(
    names: tuple[str, ...],
    rounds: int,
    threads: int,
    out: pathlib.Path | None,
    draw: bool,
    picture: pathlib.Path,
) -> None:
    """Measures how the cost grows with length, batch, context and devices, the zoo beside its peers."""
    if draw:
        from benchmarks.growth.picture import draw as draw_picture

        draw_picture(newest(), picture, digest())
        return
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as `import zoo` does: kernels alike for all
    header = {**describe(threads), "oneDNN": os.environ["TF_ENABLE_ONEDNN_OPTS"], "rounds": str(rounds)}
    found = []
    for name in names or CURVES:
        points = measure(CURVES[name], rounds, threads, lambda text: click.echo(text, err=True))
        found += points
        for point in points:
            figure = point.status if point.median is None else f"{point.median:.4g} {point.unit}"
            click.echo(f"{point.curve} {point.point} {point.contender}: {figure}")
        if out is not None:
            write(out, found, header)  # a run that is stopped keeps the curves it finished
    if any(point.status.startswith("failed") for point in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
