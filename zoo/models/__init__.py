"""Models: tensors in, tensors out, on `keras.ops` only. They build and train with no TensorFlow installed."""

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
    "ConvNet",
    "ResNet",
    "conv_net",
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
    "wide_resnet16_4",
    "wide_resnet28_10",
    "wide_resnet40_4",
]
