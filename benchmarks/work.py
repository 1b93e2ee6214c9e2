"""The two records of a benchmark: a work item, and a contender for it. Nothing here imports a contender."""

import dataclasses
import importlib
import importlib.util
import shutil
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import machine

GROUPS = ("zoo", "keras", "torch")


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way of doing a work item.

    Attributes:
        name: what tables call it.
        group: "zoo", or the peers it belongs to, "keras" or "torch". The first zoo contender of an item is
            what later ones are compared with; of each group of peers the best one counts.
        make: "module:function"; called with `options` it prepares everything and returns the step.
        options: its keyword arguments.
        needs: packages without which it is reported as missing.
        programs: the same of programs on the path.
    """

    name: str
    group: str
    make: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    needs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """The packages of `needs` and the `programs` that are not installed, and what the processor lacks."""
        lacks = [package for package in self.needs if importlib.util.find_spec(package) is None]
        lacks += [program for program in self.programs if shutil.which(program) is None]
        if self.options.get("dtype") == "mixed_bfloat16" and not machine.has_bfloat16():
            lacks.append(
                "bfloat16 instructions of the processor"
            )  # emulated: seven times slower than float32
        return lacks

    def prepare(self) -> Callable[[], float | None]:
        """The step: does the work once, and returns None, or the figure where it measures itself."""
        if self.group == "zoo":
            importlib.import_module("zoo")  # before TensorFlow: it switches oneDNN's convolutions on
        module, function = self.make.split(":")
        return getattr(importlib.import_module(module), function)(**self.options)


@dataclasses.dataclass(frozen=True)
class WorkItem:
    """One row of the comparison.

    Attributes:
        name: of the item.
        about: shapes, one line.
        unit: of the figure shown: "ms" and "images/s", "tokens/s" are timed by the worker; in any other unit
            ("s", "x weights") the step returns the figure.
        contenders: in the order they take turns.
        work: images or tokens a step, for "images/s" or "tokens/s".
        steps: steps a round, or None for what the command line says.
        warmup: untimed steps at the start.
        best: take the lowest figure instead of the median.
        gflops: 10^9 floating point operations of the products of a step, three times the forward's for
            training; None where they are not known or differ between contenders.
        guard: whether `--check` runs it unasked: quick, and steady from round to round.
        suite: "cpu", or "gpu": on the JAX backend and whatever accelerator there is.
    """

    name: str
    about: str
    unit: str
    contenders: tuple[Contender, ...]
    work: int = 1
    steps: int | None = None
    warmup: int = 2
    best: bool = False
    gflops: float | None = None
    guard: bool = False
    suite: str = "cpu"

    @property
    def timed(self) -> bool:
        """Whether the worker times the step; else the step returns the figure."""
        return self.unit == "ms" or self.is_rate

    @property
    def is_rate(self) -> bool:
        """Whether more is better."""
        return self.unit.endswith("/s")

    def figure(self, sample: float) -> float:
        """A sample (seconds, or what the step returned) in `unit`."""
        if self.is_rate:
            return self.work / sample
        return 1000 * sample if self.timed else sample

    def peers(self, ours: Contender, group: str) -> list[Contender]:
        """The contenders of a group that `ours` is compared with: of its dtype, or all."""
        members = [contender for contender in self.contenders if contender.group == group]
        dtype = ours.options.get("dtype", "float32")
        return [peer for peer in members if peer.options.get("dtype", "float32") == dtype] or members

    def contender(self, name: str) -> Contender:
        for contender in self.contenders:
            if contender.name == name:
                return contender
        names = [contender.name for contender in self.contenders]
        raise ValueError(f"contender: expected one of {names} of {self.name}, found {name!r}")
