"""Models: tensors in, tensors out, on `keras.ops` only. They build and train with no TensorFlow installed."""

from zoo.models.bert import Bert
from zoo.models.bert_builders import (
    bert_base,
    bert_large,
    bert_medium,
    bert_mini,
    bert_small,
    bert_tiny,
    distilbert_base,
    minilm_l6,
    roberta_base,
)
from zoo.models.bert_heads import BertClassifier, BertMaskedLM, BertSpanFinder, BertTokenClassifier
from zoo.models.deep_speech import (
    DeepSpeech,
    deep_speech_large,
    deep_speech_medium,
    deep_speech_small,
    deep_speech_streaming,
)
from zoo.models.gpt import Gpt
from zoo.models.gpt_builders import (
    gpt2_large,
    gpt2_medium,
    gpt2_small,
    gpt2_xl,
    gpt_mini,
    smollm2_135m,
)
from zoo.models.resnet import ResNet
from zoo.models.resnet_builders import (
    resnet18,
    resnet20,
    resnet32,
    resnet34,
    resnet50,
    resnet50d,
    resnet56,
    resnet101,
    resnet152,
    wide_resnet16_4,
    wide_resnet28_10,
    wide_resnet40_4,
)
from zoo.models.small import MLP, ConvNet, conv_net, mlp

__all__ = [
    "MLP",
    "Bert",
    "BertClassifier",
    "BertMaskedLM",
    "BertSpanFinder",
    "BertTokenClassifier",
    "ConvNet",
    "DeepSpeech",
    "Gpt",
    "ResNet",
    "bert_base",
    "bert_large",
    "bert_medium",
    "bert_mini",
    "bert_small",
    "bert_tiny",
    "conv_net",
    "deep_speech_large",
    "deep_speech_medium",
    "deep_speech_small",
    "deep_speech_streaming",
    "distilbert_base",
    "minilm_l6",
    "gpt2_large",
    "gpt2_medium",
    "gpt2_small",
    "gpt2_xl",
    "gpt_mini",
    "mlp",
    "resnet18",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet50",
    "resnet50d",
    "resnet56",
    "resnet101",
    "resnet152",
    "roberta_base",
    "smollm2_135m",
    "wide_resnet16_4",
    "wide_resnet28_10",
    "wide_resnet40_4",
]
