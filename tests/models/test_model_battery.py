import inspect

import battery
import pytest
from battery import Case

from zoo import models
from zoo.models import (
    MLP,
    Bert,
    BertClassifier,
    BertMaskedLM,
    BertSpanFinder,
    BertTokenClassifier,
    ConvNet,
    DeepSpeech,
    Gpt,
    ResNet,
    SileroVad,
)


def resnet(name, shape=(17, 14, 3), random=False, **options):
    arguments = {
        "stage_blocks": (1, 1),
        "stage_filters": (4, 6),
        "num_classes": 5,
        "block": "basic",
        "stem": "small",
        "stem_filters": 4,
        **options,
    }
    return Case(
        f"ResNet_{name}",
        lambda **more: ResNet(**arguments, **more),
        shape,
        other_shapes=((16, 16, shape[-1]), (13, 19, shape[-1])),
        random=random,
        output_dtype="compute" if arguments["num_classes"] is None else "float32",
    )


def gpt(name, **options):
    """Token ids [T] into a small decoder."""
    sizes = {"vocabulary_size": 23, "hidden_dim": 12, "num_layers": 2, "num_heads": 3, "max_length": 16}
    return Case(
        name,
        lambda **more: Gpt(**{**sizes, **options}, **more),
        (9,),
        other_shapes=((5,), (16,)),
        random="dropout" in options,
        output_dtype="float32",
        vocabulary=23,
        learning_rate=0.5,
    )


def bert(name, make, output=None, **options):
    """Token ids [T] into a small encoder; `make(bert, **more)` puts a head on it."""
    sizes = {
        "vocabulary_size": 13, "hidden_dim": 6, "num_layers": 1, "num_heads": 2, "mlp_dim": 7,
        "max_length": 9, "num_segments": 1, "dropout": 0.0, **options,
    }  # fmt: skip
    return Case(
        name,
        lambda **more: make(Bert(**sizes, **more)),
        (7,),
        other_shapes=((5,), (9,)),
        random=sizes["dropout"] > 0,
        output_dtype="float32" if make is not itself else "compute",
        learning_rate=0.1,
        vocabulary=13,
        output=output,
    )


def itself(model):
    return model


def deep_speech(name, **options):
    tiny = {"vocabulary_size": 5, "units": 4, "num_layers": 2, "conv_filters": (3, 2), **options}
    return Case(
        f"DeepSpeech_{name}",
        lambda **more: DeepSpeech(**tiny, **more),
        (17, 8),
        other_shapes=((9, 8), (22, 8)),
        random=tiny["dropout"] > 0,
        output_dtype="compute" if tiny["vocabulary_size"] is None else "float32",
    )


CASES = [
    gpt("Gpt", dropout=0.2),
    gpt("Gpt_like_llama", hidden_dim=18, num_kv_heads=1, mlp_dim=20, mlp="swiglu", norm="rms",
        rotary_base=1e4, use_bias=False, tie_weights=False),
    bert("Bert", itself, "pooled", dropout=0.3),
    bert("Bert_without_pooler", itself, "sequence", pooler=None, position_offset=2, activation="gelu_tanh"),
    bert("BertClassifier", lambda b: BertClassifier(b, 3, dropout=0.0)),
    bert("BertTokenClassifier", lambda b: BertTokenClassifier(b, 3), pooler=None),
    bert("BertSpanFinder", BertSpanFinder, "end", pooler=None),
    bert("BertMaskedLM", BertMaskedLM, "tokens", pooler=None),
    resnet("basic", (17, 14, 1)),
    resnet("basic_strided_blocks_with_every_trick", (17, 14, 5), block_options={
        "shortcut": "pool", "squeeze_excite": 0.25, "antialias": True, "zero_init": False, "epsilon": 1e-3,
    }),
    resnet("stochastic_depth_and_dropout", random=True, stage_blocks=(2, 1), drop_path=0.2, dropout=0.2),
    resnet("bottleneck_conv7", (33, 30, 3), block="bottleneck", stem="conv7"),
    resnet("bottleneck_conv7_stride_first", (33, 30, 3), block="bottleneck", stem="conv7",
           stage_filters=[4, 3], block_options={"stride_first": True}),
    resnet("bottleneck_deep_pool", (33, 30, 3), block="bottleneck", stem="deep",
           block_options={"shortcut": "pool"}),
    resnet("basic_conv7_antialias", (33, 30, 3), stem="conv7", block_options={"antialias": True}),
    resnet("preactivation", block="preactivation"),
    resnet("preactivation_deep_without_head", (33, 30, 1), block="preactivation", stem="deep",
           num_classes=None),
    Case("MLP", lambda **more: MLP((9, 7), num_classes=5, **more), (7, 5, 3), output_dtype="float32"),
    Case("MLP_of_one_layer", lambda **more: MLP((), num_classes=5, **more), (7, 5, 1),
         output_dtype="float32"),
    Case("MLP_dropout", lambda **more: MLP([9], num_classes=5, dropout=0.3, **more), (7, 5, 1), random=True,
         output_dtype="float32"),
    Case("ConvNet", lambda **more: ConvNet((3, 4), 8, num_classes=5, dropout=0.0, **more), (11, 9, 1),
         output_dtype="float32"),
    Case("ConvNet_without_head", lambda **more: ConvNet([5], 8, num_classes=None, dropout=0.3, **more),
         (11, 9, 5), random=True),
    Case("SileroVad", lambda **more: SileroVad((8, 6, 6, 8), units=5, **more), (1100,),
         output_dtype="float32"),
    deep_speech("gru_both_ways", dropout=0.0),
    deep_speech("lstm_one_way_with_lookahead", cell="lstm", bidirectional=False, lookahead=2, dropout=0.0),
    deep_speech("dropout_without_head", dropout=0.2, vocabulary_size=None, num_layers=1, units=8),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("check", battery.CHECKS, ids=battery.claim)
def test_model(check, case, tmp_path):
    check(case, tmp_path)


def test_every_public_model_class_goes_through_the_battery():
    public = {name for name in models.__all__ if inspect.isclass(getattr(models, name))}
    assert public == {type(case.make()).__name__ for case in CASES}
