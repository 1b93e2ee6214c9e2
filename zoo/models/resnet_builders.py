"""ResNets with literal numbers: for small images, wide, and for 224 px.

Every builder takes overrides for any argument of `ResNet`, for instance `resnet50(num_classes=5)`;
`block_options` are merged into the builder's own.
"""

from zoo.models.resnet import ResNet


def resnet20(**overrides):
    """ResNet-20 for small images, 0.27M parameters (arXiv:1512.03385, section 4.2)."""
    return _small((3, 3, 3), (16, 32, 64), overrides)


def resnet32(**overrides):
    """ResNet-32 for small images, 0.47M parameters (arXiv:1512.03385, section 4.2)."""
    return _small((5, 5, 5), (16, 32, 64), overrides)


def resnet56(**overrides):
    """ResNet-56 for small images, 0.86M parameters (arXiv:1512.03385, section 4.2)."""
    return _small((9, 9, 9), (16, 32, 64), overrides)


def wide_resnet16_4(**overrides):
    """Wide ResNet-16-4 for small images, 2.7M parameters (arXiv:1605.07146)."""
    return _wide((2, 2, 2), (64, 128, 256), overrides)


def wide_resnet28_10(**overrides):
    """Wide ResNet-28-10 for small images, 36.5M parameters (arXiv:1605.07146)."""
    return _wide((4, 4, 4), (160, 320, 640), overrides)


def wide_resnet40_4(**overrides):
    """Wide ResNet-40-4 for small images, 8.9M parameters (arXiv:1605.07146)."""
    return _wide((6, 6, 6), (64, 128, 256), overrides)


def resnet18(**overrides):
    """ResNet-18 for 224 px, 11.7M parameters (arXiv:1512.03385, table 1)."""
    return _build({"stage_blocks": (2, 2, 2, 2), **_FULL, "block": "basic"}, overrides)


def resnet34(**overrides):
    """ResNet-34 for 224 px, 21.8M parameters (arXiv:1512.03385, table 1)."""
    return _build({"stage_blocks": (3, 4, 6, 3), **_FULL, "block": "basic"}, overrides)


def resnet50(**overrides):
    """ResNet-50 v1.5 for 224 px, 25.6M parameters (arXiv:1512.03385, table 1)."""
    return _build({"stage_blocks": (3, 4, 6, 3), **_FULL}, overrides)


def resnet101(**overrides):
    """ResNet-101 v1.5 for 224 px, 44.5M parameters (arXiv:1512.03385, table 1)."""
    return _build({"stage_blocks": (3, 4, 23, 3), **_FULL}, overrides)


def resnet152(**overrides):
    """ResNet-152 v1.5 for 224 px, 60.2M parameters (arXiv:1512.03385, table 1)."""
    return _build({"stage_blocks": (3, 8, 36, 3), **_FULL}, overrides)


def resnet50d(**overrides):
    """ResNet-50-D: three 3x3 convolutions as stem, pooled shortcuts; 25.6M parameters (arXiv:1812.01187)."""
    defaults = {"stage_blocks": (3, 4, 6, 3), **_FULL, "stem": "deep"}
    return _build({**defaults, "block_options": {"shortcut": "pool"}}, overrides)


_FULL = {"stage_filters": (64, 128, 256, 512), "block": "bottleneck", "stem": "conv7", "stem_filters": 64}
_CIFAR = {"stem": "small", "stem_filters": 16, "num_classes": 10}


def _small(stage_blocks, stage_filters, overrides):
    return _build(
        {"stage_blocks": stage_blocks, "stage_filters": stage_filters, "block": "basic", **_CIFAR}, overrides
    )


def _wide(stage_blocks, stage_filters, overrides):
    wide = {"stage_blocks": stage_blocks, "stage_filters": stage_filters, "block": "preactivation"}
    return _build({**wide, **_CIFAR}, overrides)


def _build(defaults, overrides):
    options = {**defaults.get("block_options", {}), **(overrides.get("block_options") or {})}
    return ResNet(**{**defaults, **overrides, "block_options": options})
