"""What ratios the zoo is to reach, and why a row misses its goal or has a peer ahead: the page docs/speed.md.

A row without a goal is to be level with its best peer. The reasons name what was measured, on the machine that
they are for; the page is not drawn where a row falls short without one.
"""

import dataclasses

LEVEL = 1.0
PEERS = {"keras": "Keras", "torch": "PyTorch"}


@dataclasses.dataclass(frozen=True)
class Goal:
    """At most these ratios of time to the best Keras and the best PyTorch peer; None for no say."""

    item: str
    contender: str
    keras: float | None
    torch: float | None


GOALS = (
    Goal("resnet50_train", "zoo float32", None, 0.80),
    Goal("resnet50_train", "zoo float32, v1 strides", 0.80, None),
    Goal("resnet50_train", "zoo mixed_bfloat16", None, LEVEL),
    Goal("resnet50_inference", "zoo float32", 0.95, 0.95),
    Goal("resnet50_inference", "zoo mixed_bfloat16", None, LEVEL),
    Goal("minilm_train_32x128", "zoo", 0.90, 0.50),
    Goal("minilm_inference_32x128", "zoo", 1.0, 0.60),
    Goal("minilm_mixed_lengths", "zoo, like lengths together", 0.65, None),
    Goal("gpt2_generate_1x128+64", "zoo", 0.70, 0.55),
    Goal("gpt2_generate_4x128+64", "zoo", 0.45, 0.35),
    Goal("gpt_6x384_train_dropout_0.1", "zoo", 0.92, 0.50),
    Goal("byte_pair_plays_32", "zoo, in graph", 0.10, None),
    Goal("ctc_loss", "zoo", 0.10, 0.80),
    Goal("deep_speech_train", "zoo GRU", 0.35, 0.75),
)

REASONS = ()


def reason(cpu: str, item: str, contender: str, group: str) -> str:
    return ""
