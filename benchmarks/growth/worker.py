"""One contender of a curve: `python -m benchmarks.growth.worker CURVE CONTENDER`.

For a line "warm POINT" on standard input it prepares the step of that point and takes it twice; for "go
POINT" it takes it for half a second, once at least. It prints {"samples": [...]}: seconds, by its own clock
or what the step returned. It ends with its input. What the contender prints goes to standard error.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import TextIO

import click

from benchmarks.growth.curves import CURVES, Curve
from benchmarks.work import Contender
from benchmarks.worker import set_threads

ROUND_S = 0.5


def serve(curve: Curve, contender: Contender, requests: Iterable[str], replies: TextIO) -> None:
    """Answers every line of `requests`."""
    at, steps = contender.prepare(), {}
    for line in requests:
        what, point = line.split()
        point = int(point)
        if what == "warm":
            steps[point] = at(point)
            samples = [sample(steps[point]) for _ in range(2)]
        else:
            samples = turn(steps[point])
        replies.write(json.dumps({"samples": samples}) + "\n")
        replies.flush()


def turn(step: Callable) -> list[float]:
    """Seconds of each step in half a second; of short ones the first does not count: the caches are cold."""
    start, samples = time.perf_counter(), [sample(step)]
    while time.perf_counter() - start < ROUND_S:
        samples.append(sample(step))
    return samples[1:] or samples


def sample(step: Callable) -> float:
    start = time.perf_counter()
    figure = step()
    return figure if isinstance(figure, float) else time.perf_counter() - start


@click.command()
@click.argument("curve", type=click.Choice(list(CURVES)))
@click.argument("contender")
@click.option("--threads", default=2, show_default=True)
def main(curve: str, contender: str, threads: int) -> None:
    """Measures CONTENDER of CURVE at the points that standard input names."""
    set_threads(threads)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(CURVES[curve], CURVES[curve].contender(contender), sys.stdin, replies)


if __name__ == "__main__":
    main()
