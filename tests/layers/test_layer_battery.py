import dataclasses
import inspect

import battery
import pytest
from battery import Case

from zoo import layers
from zoo.layers import (
    GRU,
    LSTM,
    BasicBlock,
    BatchNorm,
    BlurPool2D,
    BottleneckBlock,
    Conv2D,
    Dropout,
    LayerNorm,
    Lookahead,
    PreActivationBlock,
    RMSNorm,
    SelfAttention,
    SqueezeExcite,
    TimeConv,
    TokenEmbedding,
    TransformerBlock,
)

LLAMA = {
    "norm": "rms",
    "norm_first": True,
    "activation": "silu",
    "gated": True,
    "use_bias": False,
    "num_kv_heads": 1,
    "rotary_base": 100.0,
    "causal": True,
}
SHAPE, OTHERS = (9, 7, 6), ((8, 8, 6), (5, 11, 6))


def case(cls, *arguments, note="", **options):
    battery_options = {"other_shapes": OTHERS, "random": options.get("drop_path", 0) > 0}
    label = note or "_".join(f"{value}" for value in [*arguments, *options])
    return Case(
        f"{cls.__name__}_{label}".rstrip("_"),
        lambda **more: cls(*arguments, **options, **more),
        SHAPE,
        **battery_options,
    )


def sequence(cls, *arguments, note="", **options):
    """[T, D] in, the same out; other lengths."""
    made = case(cls, *arguments, note=note, **options)
    random = options.get("dropout", 0) > 0 or cls is Dropout
    return dataclasses.replace(made, shape=(7, 6), other_shapes=((5, 6), (9, 6)), random=random)


def tokens(cls, *arguments, note="", **options):
    """Token ids [T] in."""
    made = sequence(cls, *arguments, note=note, **options)
    return dataclasses.replace(made, shape=(7,), other_shapes=((5,), (9,)), vocabulary=11)


CASES = [
    case(BasicBlock, 6, note="identity"),
    case(BasicBlock, 4, stride=2),
    case(BasicBlock, 4, stride=2, shortcut="pool", squeeze_excite=0.25),
    case(BasicBlock, 4, stride=2, antialias=True),
    case(BasicBlock, 6, drop_path=0.3, zero_init=False, epsilon=1e-3),
    case(BottleneckBlock, 3, note="wider"),
    case(BottleneckBlock, 3, stride=2, shortcut="pool", antialias=True),
    case(BottleneckBlock, 3, stride=2, stride_first=True),
    case(PreActivationBlock, 6, note="identity"),
    case(PreActivationBlock, 4, stride=2, squeeze_excite=0.5, antialias=True),
    case(PreActivationBlock, 6, drop_path=0.3),
    case(BatchNorm, note="default"),
    case(BatchNorm, momentum=0.8, epsilon=0.01, center=False),
    Case("BatchNorm_of_rows", lambda **more: BatchNorm(**more), (5,)),
    case(BlurPool2D, 1),
    case(BlurPool2D, 2),
    case(Conv2D, 4, 1, stride=2),
    case(Conv2D, 4, 3, note="3x3"),
    case(Conv2D, 4, 7, stride=2, note="7x7_stride2"),
    case(SqueezeExcite, 0.25),
    sequence(Dropout, 0.4),
    sequence(LayerNorm, 1e-3),
    sequence(RMSNorm, 1e-3),
    sequence(SelfAttention, 2, dropout=0.3),
    sequence(SelfAttention, 3, causal=True, use_bias=False),
    sequence(SelfAttention, 4, num_kv_heads=2, head_dim=4, rotary_base=100.0, output_bias=False),
    sequence(TransformerBlock, 6, 2, dropout=0.2),
    sequence(TransformerBlock, 6, 3, mlp_dim=7, norm_first=True, causal=True, activation="gelu_tanh"),
    sequence(TransformerBlock, 6, 3, note="llama", **LLAMA),
    tokens(TokenEmbedding, 11, 6),
    tokens(TokenEmbedding, 11, 6, max_length=9, num_segments=1, norm_epsilon=1e-3, dropout=0.2),
    sequence(GRU, 5),
    sequence(GRU, 4, bidirectional=True, merge="sum"),
    sequence(LSTM, 5),
    sequence(LSTM, 4, bidirectional=True, time_major=True),
    sequence(Lookahead, 3),
    case(TimeConv, 4, (5, 3), strides=(2, 2)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("check", battery.CHECKS, ids=battery.claim)
def test_layer(check, case, tmp_path):
    check(case, tmp_path)


def test_every_public_layer_goes_through_the_battery():
    public = {name for name in layers.__all__ if inspect.isclass(getattr(layers, name))}
    assert public == {type(case.make()).__name__ for case in CASES}
