"""Trains a tiny application with checkpoints and keeps its state at the end, for test_checkpoint.py.

    python resumed_run.py FOLDER [KILL_STEP [SIGNAL]] [OPTION=VALUE ...]

At step KILL_STEP of the run, counted over epochs, the process sends itself SIGNAL, SIGKILL by default.
"""

import ast
import os
import pathlib
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from zoo.applications import ImageClassifier, TextGenerator

from zoo.datasets import fashion_mnist
from zoo.models import MLP, ResNet, gpt_mini
from zoo.preprocessing import BytePair, ImagePreprocessor
from zoo.training import Checkpoints, strategy

STEPS = 6
LINES = ["If music be the food of love, play on.", "Shall I compare thee to a summer's day?"]
TEXTS = LINES * 250, None


class Kill(keras.callbacks.Callback):
    """Ends the process at one step, as pre-emption does."""

    def __init__(self, step, number):
        super().__init__()
        self.left, self.number = step, number

    def on_train_batch_begin(self, batch, logs=None):
        if self.model.skipping:
            return
        if self.left == 0:
            os.kill(os.getpid(), self.number)
        self.left -= 1


def image_classifier(network, precision, dropout):
    model = (
        MLP((16,), 10, dropout=dropout, dtype=precision)
        if network == "mlp"
        else ResNet((1, 1), (4, 8), 10, stem="small", stem_filters=4, dtype=precision)
    )
    pixels = ImagePreprocessor(image_size=(28, 28), channels=1, mean=(0.286,), std=(0.353,))
    return ImageClassifier(model, pixels, labels=fashion_mnist("sample").label_names)


def text_generator(dropout):
    """Rows of 16 tokens, packed at another offset in every epoch: 6 steps, too."""
    tokens = BytePair.train(TEXTS[0][:2], 270)
    model = gpt_mini(
        mlp_dim=24,
        max_length=32,
        vocabulary_size=len(tokens),
        num_layers=1,
        hidden_dim=16,
        num_heads=2,
        dropout=dropout,
    )
    return TextGenerator(model, tokens, row_length=16)


def train(
    folder,
    kill=None,
    number=signal.SIGKILL,
    precision="float32",
    network="mlp",
    strategy_name="one",
    dropout=0.3,
    batch_size=32,
    **more,
):
    chosen = strategy.choose(strategy_name, quiet=True)
    keras.utils.set_random_seed(5)
    with chosen.scope():
        app = text_generator(dropout) if network == "text" else image_classifier(network, precision, dropout)
    augment = {"crop": 2, "flip": True, "erase": 0.5, "mixup": 0.2}
    app.compile(**{"optimizer": "adamw", "learning_rate": 1e-3, "augment": augment, "ema": 0.9, **more})
    x, y = TEXTS if network == "text" else fashion_mnist("sample")
    checkpoints = Checkpoints(
        pathlib.Path(folder) / "checkpoints",
        every_steps=2,
        best="loss" if network == "text" else "val_accuracy",
        writes=chosen.is_chief,
    )
    history = app.fit(
        x[: 32 * STEPS],
        None if y is None else y[: 32 * STEPS],
        batch_size=batch_size,
        epochs=3,
        verbose=0,
        validation_data=(x[400:], None if y is None else y[400:]),
        checkpoints=checkpoints,
        callbacks=[] if kill is None else [Kill(kill, number)],
    ).history
    values = [np.asarray(keras.ops.convert_to_tensor(v)) for v in [*app.variables, *app.optimizer.variables]]
    last = [history[name][-1] for name in sorted(history)]
    if chosen.is_chief:
        np.savez(pathlib.Path(folder) / "end.npz", *values, np.float64(last))


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[2:] if "=" not in text]
    options = dict(text.split("=") for text in sys.argv[2:] if "=" in text)
    train(sys.argv[1], *numbers, **{k: ast.literal_eval(v) for k, v in options.items()})
