"""Searches for better numbers of a recipe with keras-tuner, in one process or several.

The fields of the recipe are the search space; each trial trains the recipe's application and is judged on the
validation split. The recipe's own numbers are trained, too, as the trial "default", to compare with.
"""

import json
import os
import pathlib
import pprint
import socket
import subprocess
import sys

import keras
from zoo.applications.training_run import build

from zoo import datasets
from zoo.files import atomic_path, make_folder
from zoo.training import Recipe

METHODS = ("random", "bayesian", "hyperband")


def default_space(recipe):
    """Field -> range, from a tenth to three times the recipe's learning rate, and what regularizes.

    Example:
        >>> default_space(Recipe(learning_rate=0.1))["learning_rate"]
        'log:0.01:0.3'
    """
    rate = recipe.learning_rate
    return {
        "learning_rate": f"log:{rate / 10:.3g}:{rate * 3:.3g}",
        "weight_decay": "log:1e-5:1e-1",
        "label_smoothing": "0:0.2",
        "warmup": "0:0.3",
    }


def parse_space(recipe, space):
    """Texts to keras-tuner's hyperparameters, as [(kind, arguments)].

    "log:LOW:HIGH" and "LOW:HIGH" are ranges, of integers where both are; "A,B,C" are choices.

    Example:
        >>> parse_space(Recipe(), {"optimizer": "sgd,adamw"})
        [('Choice', {'name': 'optimizer', 'values': ['sgd', 'adamw']})]
    """
    recipe.replace(**{field: getattr(recipe, field, None) for field in space})  # raises for unknown fields
    parsed = []
    for field, text in space.items():
        logarithmic = text.startswith("log:")
        parts = text.removeprefix("log:").split(":")
        if len(parts) == 2:
            try:
                whole = all(part.strip().isdigit() for part in parts) and isinstance(
                    getattr(recipe, field), int
                )
                low, high = (int(part) if whole else float(part) for part in parts)
            except ValueError as error:
                raise ValueError(f"space: expected numbers LOW:HIGH for {field}, found {text!r}") from error
            arguments = {"name": field, "min_value": low, "max_value": high}
            if logarithmic:
                arguments["sampling"] = "log"
            parsed.append(("Int" if whole else "Float", arguments))
        elif len(parts) == 1 and "," in text and not logarithmic:
            parsed.append(("Choice", {"name": field, "values": [_value(part) for part in text.split(",")]}))
        else:
            raise ValueError(f"space: expected LOW:HIGH, log:LOW:HIGH or A,B for {field}, found {text!r}")
    return parsed


def _value(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def tune(
    recipe, out, data=None, space=None, method="bayesian", trials=10, epochs=None, workers=1, objective=None
):
    """Runs trials and keeps the best.

    Args:
        recipe: a `zoo.training.Recipe`: where the search starts; fields outside of `space` stay.
        out: folder: `trials.json`, `best_recipe.json`, `best_recipe.py` and keras-tuner's own files. A search
            in it goes on.
        data: data set or folder; the recipe's by default.
        space: field -> range, see `parse_space`; `default_space` otherwise.
        method: "random", "bayesian" or "hyperband".
        trials: how many; "hyperband" takes what its schedule over `epochs` asks for.
        epochs: of a trial; the recipe's by default.
        workers: processes that train side by side.
        objective: a validation metric; "val_accuracy" (highest), or "val_loss" (lowest) where there is none.

    Returns: rows, best first: {"trial", "score", "values"}, one of them the trial "default".
    """
    try:
        import keras_tuner  # noqa: F401
    except ImportError as error:
        raise ImportError("tune needs keras-tuner: pip install keras-zoo[tune]") from error
    if method not in METHODS:
        raise ValueError(f"method: expected one of {METHODS}, found {method!r}")
    space = space or default_space(recipe)
    parse_space(recipe, space)
    out = make_folder(out, "out")
    job = {
        "recipe": recipe.to_dict(),
        "out": str(out),
        "data": data or recipe.data,
        "space": space,
        "method": method,
        "trials": trials,
        "epochs": epochs or recipe.epochs,
        "objective": objective,
    }
    if workers > 1:
        _run_workers(job, workers)
    else:
        _search(job)
    return _results(recipe, out, objective)


def _search(job):
    """One process's part: all of it, the oracle of several, or a worker."""
    import keras_tuner

    recipe = Recipe(**job["recipe"])
    hyperparameters = keras_tuner.HyperParameters()
    for kind, arguments in parse_space(recipe, job["space"]):
        try:
            getattr(hyperparameters, kind)(**arguments)
        except ValueError as error:
            raise ValueError(f"space: expected a range, found another: {error}") from error
    metric = job["objective"] or "val_accuracy"
    direction = "min" if metric.endswith("loss") else "max"
    common = {
        "objective": keras_tuner.Objective(metric, direction),
        "hyperparameters": hyperparameters,
        "seed": recipe.seed,
    }
    oracles = keras_tuner.oracles
    if job["method"] == "hyperband":
        oracle = oracles.HyperbandOracle(max_epochs=job["epochs"], **common)
    else:
        kind = (
            oracles.BayesianOptimizationOracle if job["method"] == "bayesian" else oracles.RandomSearchOracle
        )
        oracle = kind(max_trials=job["trials"], **common)

    class Tuner(keras_tuner.engine.base_tuner.BaseTuner):
        """Trains the recipe with a trial's values."""

        def run_trial(self, trial, examples, train, validation):
            values = dict(trial.hyperparameters.values)
            epochs = values.pop("tuner/epochs", job["epochs"])
            chosen = recipe.replace(epochs=epochs, **{k: v for k, v in values.items() if "/" not in k})
            history = _train(chosen, examples, train, validation)
            if metric not in history:
                raise keras_tuner.errors.FatalValueError(_no_metric(metric, history))
            return {metric: history[metric][-1]}

    tuner = Tuner(oracle, directory=job["out"], project_name="trials")
    if "chief" in os.environ.get("KERASTUNER_TUNER_ID", ""):
        tuner.search()
        return
    parts, default = _examples(recipe, job["data"]), pathlib.Path(job["out"]) / "default.json"
    if not default.exists() and os.environ.get("KERASTUNER_TUNER_ID", "tuner0") == "tuner0":
        history = _train(recipe.replace(epochs=job["epochs"]), *parts)
        if metric not in history:
            raise ValueError(_no_metric(metric, history))
        with atomic_path(default) as partial:
            partial.write_text(json.dumps({metric: history[metric][-1]}) + "\n")
    tuner.search(*parts)


def _train(recipe, examples, train, validation):
    """The history of training by `recipe`."""
    keras.utils.set_random_seed(recipe.seed)
    application = build(recipe, examples)
    application.compile(recipe)
    return application.fit(*train, validation_data=validation, verbose=0).history


def _no_metric(metric, history):
    found = sorted(name for name in history if name.startswith("val_"))
    return f"objective: expected one of {found}, found {metric!r}"


def _examples(recipe, data):
    """(data set, (x, y) to train on, (x, y) to judge by); of one split a fifth is held out."""
    train = datasets.load(data, recipe.train_split)
    if recipe.train_split != recipe.validation_split:
        return train, tuple(train), tuple(datasets.load(data, recipe.validation_split))
    cut = len(train) * 4 // 5
    return train, tuple(part[:cut] for part in train), tuple(part[cut:] for part in train)


def _run_workers(job, count):
    """keras-tuner's oracle and `count` workers as processes on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = {}
    for name in ("chief", *(f"tuner{i}" for i in range(count))):
        place = {"ORACLE_IP": "127.0.0.1", "ORACLE_PORT": str(port), "TUNER_ID": name}
        environment = {**os.environ, **{f"KERASTUNER_{key}": value for key, value in place.items()}}
        with (pathlib.Path(job["out"]) / f"{name}.log").open("w") as log:
            command = [sys.executable, "-m", "zoo.applications.tuning", json.dumps(job)]
            processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        codes = {name: process.wait() for name, process in processes.items() if name != "chief"}
    finally:
        for process in processes.values():  # the oracle stays when its workers have died
            process.terminate()
            process.wait()
    failed = sorted(name for name, code in codes.items() if code)
    if failed:
        log = (pathlib.Path(job["out"]) / f"{failed[0]}.log").read_text()
        raise ValueError(f"tune: expected all workers to end well, found {failed} failed: ...{log[-500:]}")


def _results(recipe, out, objective):
    rows = []
    for path in sorted((out / "trials").glob("trial_*/trial.json")):
        trial = json.loads(path.read_text())
        if trial.get("score") is not None:
            values = {k: v for k, v in trial["hyperparameters"]["values"].items() if "/" not in k}
            rows.append({"trial": trial["trial_id"], "score": trial["score"], "values": values})
    if not rows:
        raise ValueError(f"tune: expected a trial that ended well, found none in {str(out / 'trials')!r}")
    default = out / "default.json"
    if default.exists():
        score = json.loads(default.read_text())[objective or "val_accuracy"]
        values = {field: getattr(recipe, field) for field in rows[0]["values"]}
        rows.append({"trial": "default", "score": score, "values": values})
    rows.sort(key=lambda row: row["score"], reverse=not (objective or "val_accuracy").endswith("loss"))
    best = recipe.replace(name=f"{recipe.name}_tuned", **rows[0]["values"])
    judged = f"{objective or 'val_accuracy'} {rows[0]['score']:.4f}"
    source = f'"""{best.name}: the best of {len(rows)} trials, {judged}."""\n'
    source += "\nfrom zoo.training import Recipe\n\nRECIPE = Recipe(\n"
    for field, value in best.to_dict().items():
        if value != getattr(Recipe(), field):
            source += f"    {field}={pprint.pformat(value, width=100)},\n"
    for name, text in (
        ("trials.json", json.dumps(rows, indent=2) + "\n"),
        ("best_recipe.json", json.dumps(best.to_dict(), indent=2) + "\n"),
        ("best_recipe.py", source + ")\n"),
    ):
        with atomic_path(out / name) as partial:
            partial.write_text(text)
    return rows


def table(rows):
    """The rows of `tune` as text, best first.

    Example:
        >>> print(table([{"trial": "01", "score": 0.5, "values": {"learning_rate": 0.1}}]))
        trial  score   learning_rate
        01     0.5000  0.1
    """
    fields = list(rows[0]["values"])
    lines = [("trial", "score", *fields)]
    for row in rows:
        cells = [row["values"].get(field, "") for field in fields]
        cells = [f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells]
        lines.append((str(row["trial"]), f"{row['score']:.4f}", *cells))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


if __name__ == "__main__":
    _search(json.loads(sys.argv[1]))
