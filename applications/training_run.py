"""Runs a recipe from raw data to a pretrained folder; a killed run goes on after its last whole epoch."""

import csv
import json
import os
import pathlib
import time

import keras

import zoo.applications
from zoo import datasets, models, preprocessing


def build(recipe, label_names):
    """The untrained application of a recipe, for classes `label_names`."""
    application = getattr(zoo.applications, recipe.application)
    model = getattr(models, recipe.model)(num_classes=len(label_names), dtype=recipe.precision)
    preprocessor = preprocessing.ImagePreprocessor(**recipe.preprocessor)
    return application(model, preprocessor, labels=label_names)


def run(recipe, out, data=None, verbose=1):
    """Trains by `recipe` and writes everything into folder `out`.

    Args:
        recipe: a `zoo.training.Recipe`.
        out: folder; holds `last.keras` after every epoch, `log.csv`, and at the end `pretrained/` and
            `result.json`. With a `last.keras` of the same recipe in it the run goes on from there.
        data: name of a data set or a folder of class folders; the recipe's by default.
        verbose: of `fit`.

    Returns: (application, result), result a dict with the test metrics of the final epoch, None without
    a test split.
    """
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    data = data or recipe.data
    train = datasets.load(data, recipe.train_split)
    held_out = _load(data, recipe.validation_split)
    test = _load(data, recipe.test_split)
    keras.utils.set_random_seed(recipe.seed)
    application, done = _resume(recipe, out, len(train))
    if application is None:
        application = build(recipe, train.label_names)
        application.compile(recipe)
    else:
        print(f"Resuming after epoch {done} of {recipe.epochs} from {out / 'last.keras'}")
        keras.utils.set_random_seed(recipe.seed + done)
    began = time.time()
    if done < recipe.epochs:
        application.fit(
            *train,
            validation_data=None if held_out is None else tuple(held_out),
            initial_epoch=done,
            callbacks=[EpochRecord(out)],
            verbose=verbose,
        )
    result = {"recipe": recipe.to_dict(), "seconds": round(time.time() - began), "epochs": recipe.epochs}
    if test is not None:
        result["test"] = application.evaluate(*test, return_dict=True, verbose=0)
    application.save_pretrained(out / "pretrained")
    _write_json(out / "result.json", result)
    return application, result


def _load(data, split):
    try:
        return datasets.load(data, split)
    except ValueError:
        if os.path.isdir(data):  # a folder without that part
            return None
        raise


def _resume(recipe, out, examples):
    """(application, epochs behind it) from `out`/last.keras, or (None, 0)."""
    last = out / "last.keras"
    if not last.exists():
        return None, 0
    application = keras.saving.load_model(last)
    if application.recipe.to_dict() != json.loads(json.dumps(recipe.to_dict())):
        theirs, ours = application.recipe.to_dict(), json.loads(json.dumps(recipe.to_dict()))
        changed = sorted(key for key in ours if ours[key] != theirs.get(key))
        raise ValueError(f"out: expected a run of the same recipe in {str(out)!r}, found other values of {changed}")
    steps = max(1, examples // recipe.batch_size)
    return application, int(keras.ops.convert_to_numpy(application.optimizer.iterations)) // steps


class EpochRecord(keras.callbacks.Callback):
    """After every epoch: a row of log.csv (epoch, seconds, metrics), then last.keras, each whole or not at all."""

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


def _write_json(path, value):
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=2) + "\n")
    os.replace(partial, path)
