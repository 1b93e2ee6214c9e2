"""The machine's reach: `python -m benchmarks.ceiling` prints the GFLOP/s of a float32 matrix product."""

import subprocess
import sys

import click

from benchmarks.worker import set_threads


def measure(threads: int) -> float:
    """10^9 floating point operations a second, in a process of its own; the fastest of 40 products."""
    command = [sys.executable, "-m", "benchmarks.ceiling", "--threads", str(threads)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


@click.command()
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1))
def main(threads: int) -> None:
    set_threads(threads)
    from zoo.training.arithmetic import product_speed

    click.echo(product_speed(repeats=40) / 1e9)


if __name__ == "__main__":
    main()
