"""What is measured: work items and their contenders, as data. Nothing here imports a contender."""

from benchmarks.bert_items import BERT_ITEMS
from benchmarks.gpt_items import GPT_ITEMS
from benchmarks.gpu_items import GPU_FAMILIES
from benchmarks.image_items import IMAGE_ITEMS
from benchmarks.speech_items import SPEECH_ITEMS
from benchmarks.work import GROUPS, Contender, WorkItem

__all__ = ["FAMILIES", "GROUPS", "ITEMS", "SUITES", "Contender", "WorkItem"]


def _import(package: str, group: str) -> Contender:
    return Contender(
        f"import {package}", group, "benchmarks.import_time:step", {"package": package}, (package,)
    )


def _loading(name: str, group: str, kind: str, needs: tuple[str, ...]) -> Contender:
    return Contender(name, group, "benchmarks.load_memory:step", {"kind": kind}, needs)


def _load_time(name: str, group: str, function: str, *needs: str, **options) -> Contender:
    return Contender(name, group, f"benchmarks.load_time:{function}", {"size": "base", **options}, needs)


def _serving(what: str, about: str) -> WorkItem:
    def contender(name: str, group: str, way: str) -> Contender:
        return Contender(name, group, f"benchmarks.serving:{what}", {"way": way})

    contenders = (
        contender("zoo SavedModel", "zoo", "signature"),
        contender("zoo classify", "zoo", "classify"),
        contender("predict", "keras", "predict"),
    )
    return WorkItem(f"serving_{what}", about, "ms", contenders, steps=20)


def _fit(name: str, group: str, kind: str = "") -> Contender:
    options = {"kind": kind or group, "builder": "mlp", "batch": 128}
    return Contender(name, group, "benchmarks.train_step:fit", options)


COMMON_ITEMS = (
    WorkItem(
        "load_time",
        "BERT-base built, loaded from a file in the page cache, one text of 16 tokens read",
        "ms",
        (
            _load_time("zoo safetensors", "zoo", "zoo", safetensors=True),
            _load_time("zoo .weights.h5", "zoo", "zoo", safetensors=False),
            _load_time("keras-hub .weights.h5", "keras", "keras_hub", "keras_hub"),
            _load_time("transformers safetensors", "torch", "transformers", "torch", "transformers"),
        ),
        steps=2,
        warmup=1,
    ),
    _serving("image", "one image of 28 px through ResNet-20, by its SavedModel and in Python"),
    _serving("text", "one text of 32 tokens through MiniLM's size, by its SavedModel and in Python"),
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
SUITES = {"cpu": FAMILIES, "gpu": GPU_FAMILIES}
_ALL = (*IMAGE_ITEMS, *COMMON_ITEMS, *BERT_ITEMS, *GPT_ITEMS, *SPEECH_ITEMS)
ITEMS = {item.name: item for items in (_ALL, *GPU_FAMILIES.values()) for item in items}
