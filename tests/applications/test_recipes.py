"""Recipes: their records are what was measured, and a killed run goes on."""

import csv
import importlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from zoo.applications import recipes, training_run

RESULTS = pathlib.Path(__file__).parents[2] / "benchmarks" / "results.csv"


def results():
    with RESULTS.open() as file:
        return {row["recipe"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("name", sorted(results()))
def test_docstring_says_what_was_measured(name):
    row = results()[name]
    module = importlib.import_module(f"zoo.applications.recipes.{name.replace('.', '_')}")
    found = re.search(r"^result\s+(.+?)\s+\((\d{4}-\d\d-\d\d)\)$", module.__doc__, re.MULTILINE)
    assert found, f"{name}: expected a line 'result <metric> <value> ... (<date>)' in the docstring"
    assert found[1].startswith(f"{row['metric']} {row['value']} over {row['seeds']} seed")
    assert found[2] == row["date"]
    assert f"{row['epochs']} epochs" in module.__doc__
    assert int(row["epochs"]) == module.RECIPE.epochs


def test_every_recipe_that_trains_from_scratch_on_its_own_data_has_a_result():
    found = {name: recipes.find(name) for name in recipes.names()}
    scratch = {name for name, recipe in found.items() if recipe.data and not recipe.start}
    assert scratch <= set(results()) <= set(recipes.names())


def tiny_recipe(**changes):
    return recipes.find("resnet20.fashion_mnist").replace(
        data="digits",
        epochs=3,
        batch_size=512,
        warmup=2,
        preprocessor={"image_size": (8, 8), "channels": 1},
        train_split="train",
        validation_split="validation",
        train_sizes=(),
        **changes,
    )


RUN = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from test_recipes import tiny_recipe
from zoo.applications import training_run
write = training_run.EpochRecord.on_epoch_end
def kill_after_the_first(self, epoch, logs=None):
    write(self, epoch, logs)
    os.kill(os.getpid(), signal.SIGKILL)
training_run.EpochRecord.on_epoch_end = kill_after_the_first
training_run.run(tiny_recipe(), sys.argv[1], verbose=0)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_after_its_last_epoch(tmp_path, capsys):
    command = [sys.executable, "-c", RUN, tmp_path / "run", pathlib.Path(__file__).parent]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == -signal.SIGKILL, done.stderr
    application, result = training_run.run(tiny_recipe(), tmp_path / "run", verbose=0)
    assert "Resuming after epoch 1 of 3" in capsys.readouterr().out
    assert result["resumed_after"] == 1
    assert int(application.optimizer.iterations) == 3 * (1077 // 512)
    first, *rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert first["flops_of"] == "example"
    assert min(first["flops"], first["peak_flops"]) > 0
    assert {"loss", "learning_rate", "gradient_norm", "memory_mb"} <= set(rows[-1])
    with (tmp_path / "run" / "log.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]
    again, answer = training_run.run(tiny_recipe(), tmp_path / "run", verbose=0)  # it has ended
    assert answer["test"] == result["test"]
    for actual, expected in zip(again.get_weights(), application.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)
    with pytest.raises(ValueError, match=r"out: expected a run of the same recipe.*\['momentum'\]"):
        training_run.run(tiny_recipe(momentum=0.5), tmp_path / "run")


def test_both_files_of_a_run_hold_the_averages_of_the_weights(tmp_path):
    application, _ = training_run.run(tiny_recipe(ema=0.9), tmp_path / "run", verbose=0)
    kept = [v.numpy() for v in application.optimizer._model_variables_moving_average]
    for name in ("last.keras", "pretrained"):
        loaded = type(application).from_pretrained(str(tmp_path / "run" / name))
        for variable, average in zip(loaded.trainable_variables, kept, strict=True):
            np.testing.assert_array_equal(variable.numpy(), average)


ON_JAX = """
import sys
sys.path.insert(0, sys.argv[2])
from test_recipes import tiny_recipe
from zoo.applications import training_run
recipe = tiny_recipe(model="mlp").replace(batch_size=64)
_, result = training_run.run(recipe, sys.argv[1], verbose=0)
application, again = training_run.run(recipe, sys.argv[1], verbose=0)
assert again["test"] == result["test"], (again, result)
assert 0.2 < again["test"]["accuracy"] <= 1, again  # chance is 0.1
try:
    application.export(sys.argv[1] + "/saved")
except ValueError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_recipe_runs_on_four_jax_devices(tmp_path):
    pytest.importorskip("jax", reason="JAX is not installed")
    command = [sys.executable, "-c", ON_JAX, tmp_path / "run", pathlib.Path(__file__).parent]
    devices = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **devices})
    assert done.returncode == 0, done.stderr[-3000:]
    assert "each batch is shared by 4 devices" in done.stdout
    assert "KERAS_BACKEND: expected 'tensorflow' to write a SavedModel, found 'jax'" in done.stdout
    assert not (tmp_path / "run" / "saved").exists()
