"""What grows, and who is measured: curves of the cost against a length, a batch or devices, as data."""

import dataclasses

from benchmarks.work import Contender

BATCH, LENGTH = 4, 128  # of the curve in which the other one grows
NEW_TOKENS = 32
STEPS = 8  # of the epoch that is one sample of training
POSITIONS = 2048


@dataclasses.dataclass(frozen=True)
class Curve:
    """One picture: the cost of a work item at several sizes.

    Attributes:
        name: of the curve.
        about: what is done; the title of the picture.
        axis: what grows.
        unit: of the figure.
        points: sizes, in rising order.
        contenders: their `make`, called with `options`, gives a function from a point to its step.
        share: the figure is milliseconds of a step / this; None for / the point.
        apart: whether each point needs a process of its own.
    """

    name: str
    about: str
    axis: str
    unit: str
    points: tuple[int, ...]
    contenders: tuple[Contender, ...]
    share: int | None = 1
    apart: bool = False

    def figure(self, seconds: float, point: int) -> float:
        """The time of a step in `unit`."""
        return 1000 * seconds / (self.share or point)

    def contender(self, name: str) -> Contender:
        return next(contender for contender in self.contenders if contender.name == name)


def _bert(varies: str) -> tuple[Contender, ...]:
    def contender(name: str, group: str, function: str, *needs: str, **options) -> Contender:
        options |= {"function": function, "varies": varies}
        return Contender(name, group, "benchmarks.growth.steps:bert", options, needs)

    return (
        contender("zoo", "zoo", "zoo", jit=False),
        contender("keras-hub", "keras", "keras_hub", "keras_hub", jit=False),
        contender("keras-hub XLA", "keras", "keras_hub", "keras_hub", jit=True),
        contender("transformers", "torch", "transformers", "torch", "transformers"),
    )


def _gpt(name: str, group: str, function: str, *needs: str) -> Contender:
    return Contender(name, group, f"benchmarks.growth.steps:{function}", needs=needs)


def _training(name: str, group: str, kind: str) -> Contender:
    return Contender(name, group, "benchmarks.growth.steps:training", {"kind": kind})


_CURVES = (
    Curve(
        "bert_length",
        "MiniLM-size BERT, random weights, inference, batch 4",
        "tokens a text",
        "ms a text",
        (64, 128, 256, 512, 1024, 2048),
        _bert("length"),
        share=BATCH,
    ),
    Curve(
        "bert_batch",
        "MiniLM-size BERT, inference, texts of 128 tokens",
        "texts a batch",
        "ms a text",
        (1, 2, 4, 8, 16, 32, 64),
        _bert("batch"),
        share=None,
    ),
    Curve(
        "gpt_context",
        f"GPT 6 x 384, GPT-2's vocabulary, {NEW_TOKENS} new tokens, batch 1",
        "tokens of the prompt",
        "ms a new token, prompt included",
        (64, 128, 256, 512, 1024, 2000),
        (
            _gpt("zoo", "zoo", "gpt_zoo"),
            _gpt("keras-hub", "keras", "gpt_keras_hub", "keras_hub"),
            _gpt("transformers", "torch", "gpt_transformers", "torch", "transformers"),
        ),
        share=NEW_TOKENS,
    ),
    Curve(
        "devices",
        "Training on logical devices of one processor",
        "logical devices",
        "ms a step",
        (1, 2, 4),
        (
            _training("zoo, ResNet-20, batch 128", "zoo", "zoo_resnet20"),
            _training("plain Keras, ResNet-20, batch 128", "keras", "plain_resnet20"),
            _training("zoo, MiniLM-size BERT, batch 16 x 64", "zoo", "zoo_bert"),
        ),
        apart=True,
    ),
)
CURVES = {curve.name: curve for curve in _CURVES}
