"""One contender in a process of its own: `python -m benchmarks.worker ITEM CONTENDER --steps N`.

Prepares and warms up, prints a line {"first_call_s": ...}, then for every line "go" on standard input takes N
steps and prints {"samples": [...], "peak_mb": ...}: seconds, or what the step returned, and the peak of its
resident memory so far. It ends with its input. Whatever else the contender prints goes to standard error.
"""

import json
import os
import sys
import time

import click

from benchmarks.items import ITEMS, Contender, WorkItem
from benchmarks.machine import resident_memory


def set_threads(threads: int) -> None:
    """The same number for every library; must run before they are imported."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    for name in (*names, "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ[name] = str(threads)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def set_accelerator() -> None:
    """JAX below Keras, on whatever there is; memory is taken as it is needed, since others wait beside it."""
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"


def serve(item: WorkItem, contender: Contender, steps: int, requests, replies) -> None:
    """Warms up, then answers every "go"."""

    def reply(**content) -> None:
        replies.write(json.dumps(content) + "\n")
        replies.flush()

    step = contender.prepare()
    warmup = [_sample(step, item.timed) for _ in range(item.warmup)]
    reply(first_call_s=warmup[0] if item.timed else None)
    for line in requests:
        if line.strip() != "go":
            raise ValueError(f"standard input: expected lines 'go', found {line!r}")
        if item.timed:
            step()  # the caches are the last contender's
        samples = [_sample(step, item.timed) for _ in range(steps)]
        peak = resident_memory("VmHWM") if item.timed else None  # others work in processes of their own
        reply(samples=samples, peak_mb=None if peak is None else peak / 1e6)


def _sample(step, timed: bool) -> float:
    start = time.perf_counter()
    figure = step()
    return time.perf_counter() - start if timed else figure


@click.command()
@click.argument("item", type=click.Choice(sorted(ITEMS)))
@click.argument("contender")
@click.option("--steps", default=6, show_default=True)
@click.option("--threads", default=2, show_default=True)
def main(item: str, contender: str, steps: int, threads: int) -> None:
    """Measures CONTENDER of ITEM, N steps for every line "go" on standard input."""
    if ITEMS[item].suite == "gpu":
        set_accelerator()
    else:
        set_threads(threads)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(ITEMS[item], ITEMS[item].contender(contender), steps, sys.stdin, replies)


if __name__ == "__main__":
    main()
