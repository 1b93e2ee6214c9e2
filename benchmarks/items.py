"""What is measured: work items and their contenders, as data. Nothing here imports a contender."""

import dataclasses
import importlib
import importlib.util
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
    """

    name: str
    group: str
    make: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    needs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """The packages of `needs` that are not installed, and what the processor lacks."""
        lacks = [package for package in self.needs if importlib.util.find_spec(package) is None]
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
        unit: of the figure shown: "ms" and "images/s" are timed by the worker; in any other unit ("s", "x
            weights") the step returns the figure.
        contenders: in the order they take turns.
        work: images a step, for "images/s".
        steps: steps a round, or None for what the command line says.
        warmup: untimed steps at the start.
        best: take the lowest figure instead of the median.
    """

    name: str
    about: str
    unit: str
    contenders: tuple[Contender, ...]
    work: int = 1
    steps: int | None = None
    warmup: int = 2
    best: bool = False

    @property
    def timed(self) -> bool:
        """Whether the worker times the step; else the step returns the figure."""
        return self.unit in ("ms", "images/s")

    def figure(self, sample: float) -> float:
        """A sample (seconds, or what the step returned) in `unit`."""
        return {"ms": 1000 * sample, "images/s": self.work / sample}.get(self.unit, sample)

    def contender(self, name: str) -> Contender:
        for contender in self.contenders:
            if contender.name == name:
                return contender
        names = [contender.name for contender in self.contenders]
        raise ValueError(f"contender: expected one of {names} of {self.name}, found {name!r}")


def _resnet50(mode: str) -> tuple[Contender, ...]:
    shape = {"mode": mode, "batch": 8, "image_shape": (224, 224, 3), "classes": 1000}
    return (
        *_zoo("resnet50", shape),
        _keras("keras.applications", "keras_applications", shape),
        _torch("torch", "resnet50", shape, channels_last=False),
        _torch("torch channels_last", "resnet50", shape, channels_last=True),
    )


def _resnet20(mode: str) -> tuple[Contender, ...]:
    shape = {"mode": mode, "batch": 128, "image_shape": (28, 28, 1), "classes": 10}
    return (
        *_zoo("resnet20", shape),
        _keras("plain Keras", "plain_keras", shape),
        _torch("torch", "resnet20", shape, channels_last=False),
        _torch("torch channels_last", "resnet20", shape, channels_last=True),
    )


def _zoo(builder: str, shape: dict) -> tuple[Contender, ...]:
    return tuple(
        Contender(
            f"zoo {dtype}",
            "zoo",
            "benchmarks.keras_steps:zoo_step",
            {"builder": builder, "dtype": dtype, **shape},
        )
        for dtype in ("float32", "mixed_bfloat16")
    )


def _keras(name: str, function: str, shape: dict) -> Contender:
    return Contender(name, "keras", f"benchmarks.keras_steps:{function}", shape, needs=("keras",))


def _torch(name: str, builder: str, shape: dict, channels_last: bool) -> Contender:
    options = {"builder": builder, "channels_last": channels_last, **shape}
    return Contender(name, "torch", "benchmarks.torch_resnet:step", options, needs=("torch",))


def _pipeline(name: str, group: str, function: str) -> Contender:
    return Contender(name, group, f"benchmarks.jpeg_pipeline:{function}", {"images": 256, "batch": 32})


def _import(package: str, group: str) -> Contender:
    return Contender(
        f"import {package}", group, "benchmarks.import_time:step", {"package": package}, (package,)
    )


def _loading(name: str, group: str, kind: str, needs: tuple[str, ...]) -> Contender:
    return Contender(name, group, "benchmarks.load_memory:step", {"kind": kind}, needs)


ITEMS = {
    item.name: item
    for item in (
        WorkItem("resnet50_train", "224 px, batch 8, SGD momentum", "ms", _resnet50("train")),
        WorkItem("resnet50_inference", "224 px, batch 8", "ms", _resnet50("inference")),
        WorkItem("resnet20_train", "28 px, batch 128, SGD momentum", "ms", _resnet20("train")),
        WorkItem("resnet20_inference", "28 px, batch 128", "ms", _resnet20("inference")),
        WorkItem(
            "jpeg_pipeline",
            "256 JPEGs 500x375 to normalised batches of 32 at 224 px",
            "images/s",
            (
                _pipeline("zoo ImageClassifier", "zoo", "zoo"),
                _pipeline("plain tf.data", "keras", "plain"),
                _pipeline("image_dataset_from_directory", "keras", "keras_directory"),
            ),
            work=256,
        ),
        WorkItem(
            "load_memory",
            "resnet50 built and loaded from a file: growth of peak resident memory / weights",
            "x weights",
            (
                _loading("zoo safetensors", "zoo", "safetensors", ("safetensors",)),
                _loading("keras.applications .weights.h5", "keras", "h5", ("h5py",)),
            ),
            steps=1,
            warmup=0,
        ),
        WorkItem(
            "import_time",
            "best of 5 a round, each in a fresh process",
            "s",
            (_import("zoo", "zoo"), _import("keras", "keras"), _import("torch", "torch")),
            steps=5,
            warmup=1,
            best=True,
        ),
    )
}
