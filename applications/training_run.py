"""Runs a recipe from raw data to a pretrained folder; a killed run goes on after its last whole epoch."""

import csv
import json
import os
import pathlib
import time

import keras
import zoo.applications
from zoo.applications.pretrained import load_keras

from zoo import datasets
from zoo.hub.atomic import atomic_path


def build(recipe, examples):
    """The application that `recipe` begins with, for data set `examples`."""
    return getattr(zoo.applications, recipe.application).from_recipe(recipe, examples)


def run(recipe, out, data=None, verbose=1):
    """Trains by `recipe` and writes everything into folder `out`.

    Args:
        recipe: a `zoo.training.Recipe`.
        out: folder; holds `last.keras` after every epoch, `log.csv`, and at the end `pretrained/` and
            `result.json`. With a `last.keras` of the same recipe in it the run goes on from there.
        data: name of a data set or a folder of class folders; the recipe's by default.
        verbose: of `fit`.

    Returns: (application, result), result a dict with the metrics after the last epoch by split.
    """
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    data = data or recipe.data
    train, validation, test = _splits(recipe, data)
    keras.utils.set_random_seed(recipe.seed)
    application, done = _resume(recipe, out, len(train))
    if application is None:
        application = build(recipe, train)
        application.compile(recipe)
    else:
        print(f"Resuming after epoch {done} of {recipe.epochs} from {out / 'last.keras'}")
        keras.utils.set_random_seed(recipe.seed + done)
    began = time.time()
    if done < recipe.epochs:
        application.fit(
            *train,
            validation_data=tuple(validation),
            initial_epoch=done,
            callbacks=[EpochRecord(out)],
            verbose=verbose,
        )
    result = {"recipe": recipe.to_dict(), "seconds": round(time.time() - began), "resumed_after": done}
    for name, held_out in (("validation", validation), ("test", test)):
        if held_out is not None:
            result[name] = application.evaluate(*held_out, return_dict=True, verbose=0)
    application.save_pretrained(out / "pretrained")
    with atomic_path(out / "result.json") as partial:
        partial.write_text(json.dumps(result, indent=2) + "\n")
    return application, result


def _splits(recipe, data):
    """(train, validation, test); a file or folder has no test split, a tenth is held out for validation."""
    if os.path.exists(data):
        train, validation = (
            datasets.load(data, split, validation_fraction=0.1) for split in ("train", "validation")
        )
        return train, validation, None
    return [datasets.load(data, s) for s in (recipe.train_split, recipe.validation_split, recipe.test_split)]


def _resume(recipe, out, examples):
    """(application, epochs behind it) from `out`/last.keras, or (None, 0)."""
    last = out / "last.keras"
    if not last.exists():
        return None, 0
    application = load_keras(last)
    if application.recipe != recipe:
        theirs, ours = application.recipe.to_dict(), recipe.to_dict()
        changed = sorted(key for key in ours if ours[key] != theirs[key])
        raise ValueError(
            f"out: expected a run of the same recipe in {str(out)!r}, found other values of {changed}"
        )
    steps = max(1, examples // recipe.batch_size)
    return application, int(keras.ops.convert_to_numpy(application.optimizer.iterations)) // steps


class EpochRecord(keras.callbacks.Callback):
    """After every epoch: a row of log.csv (epoch, seconds, metrics), then last.keras."""

    def __init__(self, out):
        super().__init__()
        self.out = out

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.time()

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, "seconds": round(time.time() - self.began, 1), **(logs or {})}
        path = self.out / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if new:
                writer.writeheader()
            writer.writerow(row)
        self.model.save(self.out / "last.keras")
