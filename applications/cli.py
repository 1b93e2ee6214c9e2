"""The `zoo` command: list, fit, evaluate, predict, export, quickstart.

Mistakes of the user end with one line on standard error and exit code 2, without a traceback.
"""

import functools
import importlib
import json
import os
import sys

import click

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and chatter of TensorFlow's C++ side

DEFAULT = "resnet20.fashion_mnist"


class UserError(click.ClickException):
    """One line on standard error, exit code 2."""

    exit_code = 2


def import_tensorflow_quietly():
    """Imports TensorFlow without the lines it writes before it reads its log level."""
    if "tensorflow" in sys.modules or os.environ.get("ZOO_DEBUG"):
        return
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        importlib.import_module("tensorflow")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def user_errors(command):
    """Turns the errors that a user can cause into one line and exit code 2."""

    @functools.wraps(command)
    def guarded(*args, **kwargs):
        try:
            import_tensorflow_quietly()
            return command(*args, **kwargs)
        except (ValueError, OSError, ImportError) as error:
            if os.environ.get("ZOO_DEBUG"):
                raise
            raise UserError(str(error)) from error

    return guarded


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="keras-zoo", prog_name="zoo")
def main():
    """Pretrained Keras applications: raw data in, answer out.

    Set ZOO_DEBUG=1 to see the traceback of an error.
    """


@main.command("list")
@click.argument("pattern", default="*")
@user_errors
def list_weights(pattern):
    """Named weights, for instance `zoo list "resnet*"`."""
    from zoo.hub import registry

    rows = [registry.find(name) for name in registry.list_pretrained(pattern)]
    if not rows:
        raise ValueError(
            f"pattern: expected a pattern that matches some name, found {pattern!r}; try `zoo list`"
        )
    table = [("name", "application", "parameters", "result", "licence")]
    for row in rows:
        table.append((row.name, row.application, f"{row.parameters:,}", row.metric, row.licence))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@main.command()
@click.argument("recipe")
@click.option("--data", help="Data set or folder of class folders; the recipe's own by default.")
@click.option(
    "--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field: --set epochs=2."
)
@click.option("--out", help="Folder of the run; runs/RECIPE by default. A killed run in it goes on.")
@user_errors
def fit(recipe, data, changes, out):
    """Train by RECIPE: from scratch, or from pretrained weights where it names `start`.

    Examples: `zoo fit resnet20.fashion_mnist`, `zoo fit image_fine_tune --data photos/ --set epochs=5`.
    """
    from zoo.applications import recipes, training_run

    chosen = with_changes(recipes.find(recipe), changes)
    out = out or os.path.join("runs", recipe)
    _, result = training_run.run(chosen, out, data)
    for split in ("validation", "test"):
        for name, value in result.get(split, {}).items():
            click.echo(f"{split} {name}: {value:.4f}")
    click.echo(f"Written to {out}: last.keras, log.csv, result.json, pretrained/")


def with_changes(recipe, changes):
    """`recipe` with `FIELD=VALUE` texts applied; VALUE is JSON or text, FIELD may go into a dict: a.b."""
    for change in changes:
        field, equals, text = change.partition("=")
        if not equals:
            raise ValueError(f"--set: expected FIELD=VALUE, found {change!r}")
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        field, dot, key = field.partition(".")
        if dot:
            value = {**getattr(recipe.replace(**{field: {}}) and recipe, field), key: value}
        recipe = recipe.replace(**{field: value})
    return recipe


@main.command()
@click.argument("name", default=DEFAULT)
@click.option(
    "--data", default="fashion_mnist", show_default=True, help="Data set or folder of class folders."
)
@click.option("--split", help="Part of the data set; `test` by default, all of a folder.")
@click.option("--batch-size", type=click.IntRange(1), default=256, show_default=True)
@click.option(
    "--picture", type=click.Path(dir_okay=False), help="Also draw the confusion matrix into this PNG."
)
@user_errors
def evaluate(name, data, split, batch_size, picture):
    """Accuracy and per-class precision, recall and F1 of weights NAME (or folder, or .keras file)."""
    from zoo import datasets

    application = load(name)
    if split is None and not os.path.isdir(data):
        split = "test"
    examples = datasets.load(data, split)
    labels = [examples.label_names[i] for i in examples.labels]
    report = application.report(next(iter(examples)), labels, batch_size=batch_size)
    click.echo(str(report))
    if picture:
        report.plot(picture)
        click.echo(f"Confusion matrix: {picture}")


def load(name):
    """The application of weights `name`, of whichever class."""
    from zoo.applications import pretrained

    return pretrained.load(None, name, {})


@main.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option("--weights", default=DEFAULT, show_default=True, help="Name, folder or .keras file.")
@click.option(
    "--top-k", type=click.IntRange(1), default=1, show_default=True, help="Likeliest labels to print."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@user_errors
def predict(inputs, weights, top_k, as_json):
    """The answers of weights for INPUTS: image files to labels and scores, texts to whatever they give."""
    for text, record in load(weights).lines(list(inputs), top_k=top_k):
        click.echo(json.dumps(record) if as_json else text)


@main.command()
@click.argument("name")
@click.argument("folder")
@user_errors
def export(name, folder):
    """Write weights NAME as a SavedModel into FOLDER, checked against `predict`."""
    application = load(name)
    application.export(folder)
    click.echo(f"SavedModel in {folder}; signatures: {', '.join(application.signatures())}")


@main.command()
@click.option("--out", default="quickstart", show_default=True, help="Folder for what is written.")
@user_errors
def quickstart(out):
    """Load, fine-tune, evaluate, export and reload the bundled network on embedded data."""
    from zoo.applications import quickstart as tour

    tour.run(out)


if __name__ == "__main__":
    main()
