"""ResNet-50 v1.5 and ResNet-20 in torch.nn, as torchvision writes them (it has no CPU wheel of its own).

Shapes: B batch, C channels, H height, W width, N classes.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn


def conv_norm(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """relu(branch(x) + shortcut(x)); the branch is two 3x3, or 1x1, 3x3, 1x1 with 4 times the filters."""

    def __init__(self, inputs: int, filters: int, stride: int, bottleneck: bool):
        super().__init__()
        outputs = filters * (4 if bottleneck else 1)
        plan = [(3, filters, stride), (3, filters, 1)]
        if bottleneck:
            plan = [(1, filters, 1), (3, filters, stride), (1, outputs, 1)]
        parts, width = [], inputs
        for size, channels, step in plan:
            parts += [conv_norm(width, channels, size, step), nn.ReLU(inplace=True)]
            width = channels
        self.branch = nn.Sequential(*parts[:-1])
        projects = stride > 1 or inputs != outputs
        self.shortcut = conv_norm(inputs, outputs, 1, stride) if projects else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.branch(x) + self.shortcut(x))


def _resnet(stem: list, width: int, blocks: tuple, filters: tuple, bottleneck: bool, classes: int):
    parts = list(stem)
    for stage, (count, channels) in enumerate(zip(blocks, filters, strict=True)):
        for i in range(count):
            parts.append(Residual(width, channels, 2 if stage and not i else 1, bottleneck))
            width = channels * (4 if bottleneck else 1)
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


def resnet50(channels: int = 3, classes: int = 1000) -> nn.Module:
    """float32 [B, C, H, W] -> logits [B, N]; 25.6M parameters."""
    stem = [conv_norm(channels, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    return _resnet(stem, 64, (3, 4, 6, 3), (64, 128, 256, 512), True, classes)


def resnet20(channels: int = 1, classes: int = 10) -> nn.Module:
    """float32 [B, C, H, W] -> logits [B, N]; 0.27M parameters."""
    return _resnet(
        [conv_norm(channels, 16, 3), nn.ReLU(inplace=True)], 16, (3, 3, 3), (16, 32, 64), False, classes
    )


def step(
    builder: str,
    mode: str,
    channels_last: bool,
    batch: int,
    image_shape: tuple,
    classes: int,
    dtype: str = "float32",
) -> Callable:
    """One eager step that ends with its result on the host, like the Keras one; bfloat16 by autocast."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)  # the data of benchmarks.keras_steps.random_batch
    pixels = random.standard_normal((batch, *image_shape), "float32").transpose(0, 3, 1, 2)
    labels = torch.from_numpy(random.integers(0, classes, batch, "int32").astype("int64"))
    memory = torch.channels_last if channels_last else torch.contiguous_format
    images = torch.from_numpy(pixels).contiguous(memory_format=memory)  # [B, C, H, W]
    model = {"resnet50": resnet50, "resnet20": resnet20}[builder](image_shape[-1], classes)
    model = model.to(memory_format=memory)
    cast = torch.autocast("cpu", torch.bfloat16, enabled=dtype == "mixed_bfloat16")
    if mode == "train":
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        loss_function = nn.CrossEntropyLoss()

        def train() -> None:
            optimizer.zero_grad(set_to_none=True)
            with cast:
                loss = loss_function(model(images), labels)
            loss.backward()
            optimizer.step()
            loss.item()

        return train

    model.eval()

    def infer() -> None:
        with torch.inference_mode(), cast:
            model(images).float().numpy()

    return infer
