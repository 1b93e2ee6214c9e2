"""What is measured: work items and their contenders, as data. Nothing here imports a contender."""

from benchmarks.bert_items import BERT_ITEMS
from benchmarks.gpt_items import GPT_ITEMS
from benchmarks.image_items import IMAGE_ITEMS
from benchmarks.speech_items import SPEECH_ITEMS
from benchmarks.work import GROUPS, Contender, WorkItem

__all__ = ["FAMILIES", "GROUPS", "ITEMS", "Contender", "WorkItem"]


def _import(package: str, group: str) -> Contender:
    return Contender(
        f"import {package}", group, "benchmarks.import_time:step", {"package": package}, (package,)
    )


def _loading(name: str, group: str, kind: str, needs: tuple[str, ...]) -> Contender:
    return Contender(name, group, "benchmarks.load_memory:step", {"kind": kind}, needs)


def _fit(name: str, group: str, kind: str = "") -> Contender:
    options = {"kind": kind or group, "builder": "mlp", "batch": 128}
    return Contender(name, group, "benchmarks.train_step:fit", options)


COMMON_ITEMS = (
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
        guard=True,
    ),
    WorkItem(
        "train_step",
        "an epoch of 20 steps of fit, perceptron, batch 128: what the train step adds",
        "ms",
        (
            _fit("zoo", "zoo"),
            _fit("zoo, norm logged", "zoo", "zoo norm"),
            _fit("keras.Model.fit", "keras"),
        ),
        guard=True,
    ),
)
FAMILIES = {"images": IMAGE_ITEMS, "bert": BERT_ITEMS, "gpt": GPT_ITEMS, "speech": SPEECH_ITEMS}
ITEMS = {item.name: item for item in (*IMAGE_ITEMS, *COMMON_ITEMS, *BERT_ITEMS, *GPT_ITEMS, *SPEECH_ITEMS)}
