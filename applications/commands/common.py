"""What all commands share: quiet start-up, errors in one line, weights by name, changes of a recipe."""

import functools
import importlib
import json
import os
import sys

import click

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings and chatter of TensorFlow's C++ side


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


def load(name, application=None):
    """The application of weights `name`; of class `application`, a name, where one is given."""
    from zoo.applications import pretrained

    from zoo import applications

    return pretrained.load(application and getattr(applications, application), name, {})


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
