"""`zoo fit`, `zoo evaluate`, `zoo report` and `zoo tune`."""

import inspect
import os

import click
from zoo.applications.commands.common import load, user_errors, with_changes


@click.command()
@click.argument("recipe")
@click.option("--data", help="Data set, file or folder; the recipe's own by default.")
@click.option(
    "--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field: --set epochs=2."
)
@click.option("--out", help="Folder of the run; runs/RECIPE by default. A killed run in it goes on.")
@click.option(
    "--strategy",
    default="auto",
    show_default=True,
    help="Devices: one, mirrored (of this machine), multi_worker (machines of TF_CONFIG), tpu; on JAX "
    "data_parallel, model_parallel.",
)
@click.option(
    "--every-seconds",
    type=click.FloatRange(0),
    default=300.0,
    show_default=True,
    help="Between checkpoints in an epoch.",
)
@click.option("--tensorboard", is_flag=True, help="Also write events for TensorBoard.")
@user_errors
def fit(recipe, data, changes, out, strategy, every_seconds, tensorboard):
    """Train by RECIPE: from scratch, or from pretrained weights where it names `start`.

    Examples: `zoo fit resnet20.fashion_mnist`, `zoo fit image_fine_tune --data photos/ --set epochs=5`.

    Started again with the same words after it was killed, it goes on at its last checkpoint and ends as if
    nothing had been. SIGTERM makes it write one and end with exit code 75.
    """
    from zoo.applications import recipes, training_run

    chosen = with_changes(recipes.find(recipe), changes)
    out = out or os.path.join("runs", recipe)
    _, result = training_run.run(
        chosen, out, data, strategy=strategy, every_seconds=every_seconds, tensorboard=tensorboard
    )
    for split in ("validation", "test"):
        for name, value in result.get(split, {}).items():
            click.echo(f"{split} {name}: {value:.4f}")
    click.echo(f"Written to {out}: last.keras, log.csv, log.jsonl, result.json, pretrained/")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--out", type=click.Path(file_okay=False), help="Folder of the PNG files; FOLDER/report.")
@user_errors
def report(folder, out):
    """Draw the curves of a run (its log.jsonl): loss, metrics, learning rate, gradient norm, speed."""
    from zoo.training.report import report as draw

    for path in draw(folder, out):
        click.echo(str(path))


@click.command()
@click.argument("recipe")
@click.option("--data", help="Data set, file or folder; the recipe's own by default.")
@click.option(
    "--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field that is not searched."
)
@click.option(
    "--space",
    multiple=True,
    metavar="FIELD=RANGE",
    help="LOW:HIGH, log:LOW:HIGH or A,B,C. Learning rate, weight decay, label smoothing, warm-up by default.",
)
@click.option(
    "--method", type=click.Choice(["bayesian", "hyperband", "random"]), default="bayesian", show_default=True
)
@click.option("--trials", type=click.IntRange(1), default=10, show_default=True)
@click.option("--epochs", type=click.IntRange(1), help="Of a trial; the recipe's by default.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes side by side."
)
@click.option("--objective", help="A validation metric; val_accuracy by default.")
@click.option("--out", help="Folder; runs/RECIPE_tuning by default. A search in it goes on.")
@user_errors
def tune(recipe, data, changes, space, out, **options):
    """Search for better numbers of RECIPE; the best become a recipe file in the folder.

    Example: `zoo tune image_fine_tune --data photos/ --space learning_rate=log:0.001:0.1 --workers 2`.
    """
    from zoo.applications import recipes, tuning

    ranges = dict(text.partition("=")[::2] for text in space)
    out = out or os.path.join("runs", f"{recipe}_tuning")
    rows = tuning.tune(with_changes(recipes.find(recipe), changes), out, data, ranges or None, **options)
    click.echo(tuning.table(rows))
    click.echo(f"Written to {out}: best_recipe.py, best_recipe.json, trials.json")


@click.command()
@click.argument("name", default="resnet20.fashion_mnist")
@click.option("--data", help="Data set, file or folder; what the weights were trained for by default.")
@click.option("--split", help="Part of the data set; `test` by default, all of a file or folder.")
@click.option("--batch-size", type=click.IntRange(1), help="[default: the recipe's, or 256 for images]")
@click.option(
    "--picture", type=click.Path(dir_okay=False), help="Also draw the confusion matrix into this PNG."
)
@user_errors
def evaluate(name, data, split, batch_size, picture):
    """The figures of weights NAME (or folder, or .keras file) on labelled data.

    Classifiers: accuracy and per-class precision, recall and F1; others: the metrics they train with.
    """
    import numpy as np

    from zoo import datasets

    application = load(name)
    data = data or _own_data(name)
    if split is None and not os.path.exists(data):
        split = "test"
    examples = datasets.load(data, split)
    x, labels = examples
    classifies = hasattr(application, "report") and getattr(application, "task", "single") == "single"
    report = None
    if classifies:
        if len(getattr(examples, "label_names", ())) and isinstance(labels, np.ndarray):
            labels = [examples.label_names[i] for i in labels]  # the model may order its classes otherwise
        takes_size = "batch_size" in inspect.signature(application.report).parameters
        report = application.report(x, labels, **({"batch_size": batch_size or 256} if takes_size else {}))
    if picture and not hasattr(report, "plot"):
        raise ValueError(f"--picture: expected a classifier, found a {type(application).__name__}")
    if report is None or isinstance(report, dict):
        figures = report or application.evaluate(x, labels, batch_size=batch_size, return_dict=True)
        for key, value in figures.items():
            click.echo(f"{key} {value:.4f}" if np.isscalar(value) else f"{key} {value}")
        return
    click.echo(str(report))
    if picture:
        report.plot(picture)
        click.echo(f"Confusion matrix: {picture}")


def _own_data(name):
    """The data set of the recipe behind registered weights."""
    from zoo.applications import recipes

    from zoo.hub import registry

    weights = registry.WEIGHTS.get(name)
    if weights is None or weights.recipe not in recipes.names() or not recipes.find(weights.recipe).data:
        raise ValueError(f"--data: expected a data set, file or folder to evaluate {name!r} on, found none")
    return recipes.find(weights.recipe).data
