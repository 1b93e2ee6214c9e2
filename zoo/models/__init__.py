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
    "ResNet",
    "bert_base",
    "bert_large",
    "bert_medium",
    "bert_mini",
    "bert_small",
    "bert_tiny",
    "conv_net",
    "distilbert_base",
    "minilm_l6",
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
    "wide_resnet16_4",
    "wide_resnet28_10",
    "wide_resnet40_4",
]
