"""Runs a recipe from raw data to a pretrained folder, on any number of devices; a killed run goes on."""

import csv
import json
import os
import time

import keras
import tensorflow as tf
import zoo.applications
from zoo.applications.arguments import named
from zoo.applications.pretrained import load_keras

from zoo import datasets
from zoo.files import atomic_path, make_folder
from zoo.training import Checkpoints, Recipe
from zoo.training import strategy as strategies
from zoo.training.arithmetic import product_speed
from zoo.training.log import TrainingLog
from zoo.training.lora import dense_layers


def build(recipe, examples):
    """The application that `recipe` begins with, for data set `examples`."""
    application = named(zoo.applications, recipe.application, "application").from_recipe(recipe, examples)
    if recipe.lora:
        if not hasattr(application, "enable_lora"):
            raise ValueError(f"lora: expected 0 for a {recipe.application}, found {recipe.lora}")
        application.enable_lora(recipe.lora)
    return application


def run(
    recipe, out, data=None, verbose=1, strategy="auto", every_seconds=300, tensorboard=False, timeout=300
):
    """Trains by `recipe` and writes everything into folder `out`.

    Args:
        recipe: a `zoo.training.Recipe`.
        out: folder; holds `checkpoints/`, `log.jsonl`, `log.csv` and after every epoch `last.keras`, at the
            end `pretrained/` and `result.json`. A run of the same recipe in it goes on from its newest
            checkpoint, mid-epoch, and ends as if it had never stopped. Several machines must share it.
        data: name of a data set or a folder of class folders; the recipe's by default.
        verbose: of `fit`.
        strategy: devices, a name of `zoo.training.strategy`.
        every_seconds: between checkpoints, besides one after every epoch.
        tensorboard: write events for TensorBoard into `out`/tensorboard, too.
        timeout: seconds to wait for other machines.

    Returns: (application, result), result a dict with the metrics after the last epoch by split.

    Raises: SystemExit with code 75 after SIGTERM, once a checkpoint is written.
    """
    if not (data or recipe.data):
        raise ValueError(
            f"data: expected a data set, file or folder, since recipe {recipe.name!r} names none, found none"
        )
    out = make_folder(out, "out")
    train, validation, test = _splits(recipe, data or recipe.data)
    devices = strategies.choose(strategy, timeout=timeout)
    devices.check_batch(recipe.batch_size)
    _same_recipe(recipe, out, devices.is_chief)
    record = EpochRecord(out, every_seconds=every_seconds, writes=devices.is_chief)
    keras.utils.set_random_seed(recipe.seed)
    with devices.scope():
        application, done = _resume(recipe, out, train, record)
        has_ended = application is not None and done >= recipe.epochs
        if application is None:  # `fit` reads the newest checkpoint, that of the last epoch, too
            application = build(recipe, train)
            application.compile(recipe)
    began = time.time()
    if not has_ended:
        callbacks = [_log(application, out, devices)]
        if tensorboard:
            callbacks.append(_tensorboard(out))
        if recipe.patience:
            callbacks.append(_early_stopping(recipe, validation))
        application.fit(
            *train,
            validation_data=validation and tuple(validation),
            initial_epoch=done,
            callbacks=callbacks,
            checkpoints=record,
            verbose=verbose if devices.is_chief else 0,
        )
        if recipe.ema is not None:  # the end of training puts the averages in the place of the weights
            record.write_last()
    result = {"recipe": recipe.to_dict(), "seconds": round(time.time() - began), "resumed_after": done}
    for name, held_out in (("validation", validation), ("test", test)):
        if held_out is not None:
            result[name] = application.evaluate(*held_out, return_dict=True, verbose=0)
    if devices.is_chief:
        application.save_pretrained(out / "pretrained")
        with atomic_path(out / "result.json") as partial:
            partial.write_text(json.dumps(result, indent=2) + "\n")
    return application, result


def _log(application, out, devices):
    """`log.jsonl`, on TensorFlow with the share of what these devices reach in a float32 product."""
    arithmetic = {}
    if keras.backend.backend() == "tensorflow":
        peak = product_speed() * (devices.replicas if tf.config.list_physical_devices("GPU") else 1)
        arithmetic = {"flops": round(application.training_flops()), "peak_flops": peak}
    return TrainingLog(
        out / "log.jsonl",
        batch_size=application.recipe.batch_size,
        writes=devices.is_chief,
        **arithmetic,
    )


def _early_stopping(recipe, validation):
    """Ends training after `patience` epochs that were no better, and goes back to the best one."""
    if validation is None:
        raise ValueError("validation_split: expected the name of a split with patience, found none")
    falls = recipe.monitor.endswith(("loss", "error", "error_rate", "perplexity", "mae"))
    return keras.callbacks.EarlyStopping(
        recipe.monitor,
        patience=recipe.patience,
        mode="min" if falls else "max",
        restore_best_weights=True,
        verbose=1,
    )


def _tensorboard(out):
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise ImportError("tensorboard=True needs TensorBoard: pip install keras-zoo[tune]") from error
    return keras.callbacks.TensorBoard(out / "tensorboard", update_freq=50, write_graph=False)


def _splits(recipe, data):
    """(train, validation, test), None for a split without a name.

    A file or folder has no test split, and a tenth of it is held out for validation.
    """
    if os.path.exists(data):
        train, validation = (
            datasets.load(data, split, validation_fraction=0.1) for split in ("train", "validation")
        )
        return train, validation, None
    splits = (recipe.train_split, recipe.validation_split, recipe.test_split)
    return [datasets.load(data, split) if split else None for split in splits]


def _same_recipe(recipe, out, is_chief):
    """Refuses to go on in `out` by another recipe than the one that the run there began with."""
    path = out / "recipe.json"
    begun = (out / "last.keras").exists() or any((out / "checkpoints").glob("*"))
    if path.exists() and begun:  # one that ended with an error before its first checkpoint is no run
        _refuse_changes(Recipe(**json.loads(path.read_text())), recipe, out)
    elif is_chief:
        with atomic_path(path) as partial:
            partial.write_text(json.dumps(recipe.to_dict(), indent=2) + "\n")


def _refuse_changes(theirs, ours, out):
    theirs, ours = theirs.to_dict(), ours.to_dict()
    changed = sorted(key for key in ours if ours[key] != theirs[key])
    if changed:
        raise ValueError(
            f"out: expected a run of the same recipe in {str(out)!r}, found other values of {changed}"
        )


def _resume(recipe, out, train, record):
    """(application, epochs behind it) of a run in `out`.

    None where `fit` goes on from a checkpoint, or begins. A run from before there were checkpoints has only
    `last.keras`.
    """
    path, position = record.newest()
    if path:
        where = f" and {position.step} steps" if position.step else ""
        print(f"Resuming after epoch {position.epoch} of {recipe.epochs}{where} from {path}", flush=True)
        return None, position.epoch
    last = out / "last.keras"
    if not last.exists():
        return None, 0
    application = load_keras(last)
    _refuse_changes(application.recipe, recipe, out)
    steps = application.training_data(*train, batch_size=recipe.batch_size).cardinality()
    done = round(application.updates / max(1, int(steps)))  # float16 skips some updates
    print(f"Resuming after epoch {done} of {recipe.epochs} from {last}", flush=True)
    return application, done


class EpochRecord(Checkpoints):
    """Checkpoints, and after every epoch a row of log.csv (epoch, seconds, metrics), then last.keras."""

    def __init__(self, out, **arguments):
        super().__init__(out / "checkpoints", **arguments)
        self.out = out

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self.began = time.time()

    def on_epoch_end(self, epoch, logs=None):
        if self.writes:
            self._write_row(
                {"epoch": epoch + 1, "seconds": round(time.time() - self.began, 1), **(logs or {})}
            )
        self.write_last()
        super().on_epoch_end(epoch, logs)

    def write_last(self):
        """`last.keras`, but of a model with changes by LoRA, which no file of its own keeps."""
        if self.writes and not any(layer.lora_enabled for layer in dense_layers(self.model)):
            self.model.save(self.out / "last.keras")

    def _write_row(self, row):
        """Adds the row; those of the same or later epochs, from before the run was killed, go."""
        path, rows = self.out / "log.csv", []
        if path.exists():
            with path.open(newline="") as file:
                rows = [old for old in csv.DictReader(file) if int(old["epoch"]) < row["epoch"]]
        with atomic_path(path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, row, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows([*rows, row])
