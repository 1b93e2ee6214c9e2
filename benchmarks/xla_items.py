"""Work items: forward and backward compiled by XLA inside of a replica, against the same without."""

from benchmarks.work import Contender, WorkItem

SHAPES = {
    "mlp": (128, 28, "28 px, batch 128"),
    "resnet20": (64, 28, "28 px, batch 64"),
    "bert_mini": (16, 128, "16 texts of 128 tokens, dropout 0.1"),
    "gpt_mini": (8, 256, "8 rows of 256 tokens"),
    "deep_speech_small": (8, 400, "8 utterances of 400 frames, CTC"),
}


def _item(kind: str) -> WorkItem:
    batch, length, about = SHAPES[kind]

    def contender(name: str, xla: bool) -> Contender:
        options = {"kind": kind, "batch": batch, "length": length, "xla": xla}
        return Contender(name, "zoo", "benchmarks.xla_steps:fit", options)

    pair = (contender("plain", False), contender("inner XLA", True))
    return WorkItem(f"inner_xla_{kind}", f"2 steps of SGD, {about}", "ms", pair)


XLA_ITEMS = tuple(_item(kind) for kind in SHAPES)
