"""Starts the contenders of a work item and lets them take turns."""

import contextlib
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

from benchmarks.items import Contender, WorkItem

ROOT = pathlib.Path(__file__).parents[1]


@dataclasses.dataclass
class Result:
    """What a contender did in a work item.

    Attributes:
        contender: it.
        status: "ok", "missing: PACKAGES" or "failed: REASON".
        rounds: the samples of each round: seconds, or what the step returned.
        first_call_s: seconds of the first step: tracing, compilation, allocation.
        peak_mb: highest resident memory of its process, 10^6 bytes; None off Linux and where the step
            measures processes of its own.
    """

    contender: Contender
    status: str = "ok"
    rounds: list[list[float]] = dataclasses.field(default_factory=list)
    first_call_s: float | None = None
    peak_mb: float | None = None

    def summaries(self, best: bool) -> list[float]:
        """One number a round: the median, or the lowest."""
        return [summary(samples, best) for samples in self.rounds]

    def overall(self, best: bool) -> float:
        """One number over all steps of all rounds."""
        return summary([sample for samples in self.rounds for sample in samples], best)


def summary(samples: Sequence[float], best: bool) -> float:
    return min(samples) if best else statistics.median(samples)


class WorkerError(RuntimeError):
    """A contender's process ended; the message is its last line on standard error."""


class Worker:
    """The process of one contender, `python -m MODULE ARGUMENTS`, idle between calls of `ask`."""

    def __init__(self, module: str, *arguments: str):
        command = [sys.executable, "-m", module, *arguments]
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True
        )

    def ask(self, line: str) -> dict:
        """Sends a line and waits for the reply."""
        with contextlib.suppress(BrokenPipeError):  # the reply will be missing, and says why
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        return self.reply()

    def reply(self) -> dict:
        """The next line of its output. Raises: WorkerError where its process ended."""
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        code = self.process.wait()
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        raise WorkerError(f"{lines[-1].strip() if lines else 'no message'} (exit code {code})")

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def measure(
    item: WorkItem,
    rounds: int = 3,
    steps: int = 6,
    threads: int = 2,
    say: Callable[[str], None] = lambda text: None,
) -> list[Result]:
    """Runs every contender of `item`, one at a time: each warms up, then they take turns for `rounds` rounds.

    Args:
        item: the work item.
        rounds: turns of each contender.
        steps: steps in a turn, where the item does not fix them.
        threads: of every library.
        say: called with progress.

    Returns: a result for each contender, those that are missing or failed included.
    """
    results = [Result(contender) for contender in item.contenders]
    workers: dict[str, Worker] = {}
    try:
        for result in results:
            name, missing = result.contender.name, result.contender.missing()
            if missing:
                result.status = "missing: " + ", ".join(missing)
            else:
                say(f"{item.name}: {name} warms up")
                options = ("--steps", str(item.steps or steps), "--threads", str(threads))
                workers[name] = Worker("benchmarks.worker", item.name, name, *options)
                with failure_noted(result):
                    result.first_call_s = workers[name].reply()["first_call_s"]
        for turn in range(rounds):
            for result in results:
                if result.status == "ok":
                    say(f"{item.name}: round {turn + 1} of {rounds}, {result.contender.name}")
                    with failure_noted(result):
                        said = workers[result.contender.name].ask("go")
                        result.peak_mb = said["peak_mb"]
                        result.rounds.append(said["samples"])
    finally:
        for worker in workers.values():
            worker.close()
    return results


@contextlib.contextmanager
def failure_noted(result: Result):
    """Turns the end of a contender's process into its status."""
    try:
        yield
    except WorkerError as error:
        result.status = f"failed: {error}"
