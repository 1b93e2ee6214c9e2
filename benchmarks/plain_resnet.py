"""ResNet-20 in plain functional Keras: equal to `zoo.models.resnet20`, layer for layer (a test holds it).

Shapes: B batch, H height, W width, C channels, N classes.
"""

import keras
from keras import layers


def plain_resnet20(num_classes: int = 10, input_shape: tuple = (28, 28, 1)) -> keras.Model:
    """float32 [B, H, W, C] -> logits [B, N]; layers are named like the zoo's, with "_" for "."."""
    images = x = keras.Input(input_shape)
    x = layers.ReLU()(_norm(_conv(x, 16, 3, 1, "stem_conv1"), "stem_norm1"))
    for stage, filters in enumerate((16, 32, 64), start=1):
        for block in (1, 2, 3):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _basic_block(x, filters, stride, f"stage{stage}_block{block}")
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(num_classes, name="head")(x))


def _basic_block(x, filters: int, stride: int, name: str):
    y = layers.ReLU()(_norm(_conv(x, filters, 3, stride, f"{name}_conv1"), f"{name}_norm1"))
    y = _norm(_conv(y, filters, 3, 1, f"{name}_conv2"), f"{name}_norm2")
    if stride > 1:
        x = _norm(_conv(x, filters, 1, stride, f"{name}_shortcut_conv"), f"{name}_shortcut_norm")
    return layers.ReLU()(layers.Add()([y, x]))


def _conv(x, filters: int, size: int, stride: int, name: str):
    """Padded alike on both sides, which "same" is not where the stride is 2."""
    padding = "same"
    if stride > 1 and size > 1:
        x, padding = layers.ZeroPadding2D(size // 2)(x), "valid"
    conv = layers.Conv2D(
        filters, size, stride, padding, use_bias=False, kernel_initializer="he_normal", name=name
    )
    return conv(x)


def _norm(x, name: str):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)
