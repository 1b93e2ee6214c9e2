"""Fine-tuning an image classifier on images of your own.

    zoo fit image_fine_tune --data FOLDER --out DIR

The defaults of `ImageClassifier.compile` and `fit`. Choose another network with `--set start=NAME`; switch
mirroring off where left and right matter (digits, text) with `--set augment.flip=false`.
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="image_fine_tune",
    application="ImageClassifier",
    start="resnet20.fashion_mnist",
    epochs=10,
    batch_size=32,
    optimizer="sgd",
    learning_rate=0.05,
    warmup=0.1,
    schedule="cosine",
    momentum=0.9,
    weight_decay=2.5e-3,
    label_smoothing=0.1,
    augment={"crop": 2, "flip": True},
    seed=0,
)
