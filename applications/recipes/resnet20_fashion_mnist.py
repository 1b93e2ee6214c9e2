"""ResNet-20 on Fashion-MNIST.

zoo fit resnet20.fashion_mnist
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="resnet20.fashion_mnist",
    application="ImageClassifier",
    model="resnet20",
    data="fashion_mnist",
    preprocessor={"image_size": (28, 28), "channels": 1, "mean": (0.286,), "std": (0.353,)},
    epochs=16,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.2,
    warmup=400,
    schedule="cosine",
    momentum=0.9,
    weight_decay=2.5e-3,
    label_smoothing=0.0,
    augment={"crop": 2, "flip": True},
    seed=0,
)
