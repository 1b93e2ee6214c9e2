"""The `zoo` command: what it prints, what it writes, and one line with exit code 2 for mistakes."""

import json
import os

import pytest
import tensorflow as tf
from click.testing import CliRunner
from zoo.applications import recipes
from zoo.applications.cli import main, with_changes


def zoo(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_every_command_explains_itself():
    for command in ("list", "fit", "evaluate", "predict", "export", "quickstart"):
        result = zoo(command, "--help")
        assert result.exit_code == 0
        assert "Usage: main " + command in result.output


def test_list_shows_names_results_and_licences():
    result = zoo("list", "resnet*")
    assert result.exit_code == 0
    assert "resnet20.fashion_mnist" in result.output
    assert "licence" in result.output.splitlines()[0]


def test_predict_prints_a_line_a_file(clothes, tmp_path):
    paths = []
    for i, image in enumerate(clothes[0][:2]):
        paths.append(tmp_path / f"{i}.png")
        paths[-1].write_bytes(tf.io.encode_png(image).numpy())
    result = zoo("predict", *paths, "--top-k", 2)
    assert result.exit_code == 0
    rows = [line.split("\t") for line in result.output.splitlines()]
    assert [row[0] for row in rows] == [str(paths[0])] * 2 + [str(paths[1])] * 2
    as_json = [json.loads(line) for line in zoo("predict", *paths, "--json").output.splitlines()]
    assert [row["labels"][0]["label"] for row in as_json] == [rows[0][1], rows[2][1]]


@pytest.mark.slow
def test_fine_tune_evaluate_export_on_a_folder(photos, tmp_path):
    out = tmp_path / "run"
    changes = ("--set", "epochs=1", "--set", "batch_size=4", "--set", "augment.flip=false")
    result = zoo("fit", "image_fine_tune", "--data", photos, "--out", out, *changes)
    assert result.exit_code == 0, result.output
    assert "validation accuracy:" in result.output
    assert {"last.keras", "log.csv", "pretrained", "result.json"} <= {path.name for path in out.iterdir()}
    result = zoo("evaluate", out / "pretrained", "--data", photos, "--picture", tmp_path / "confusion.png")
    assert result.exit_code == 0, result.output
    assert "18 examples" in result.output
    assert (tmp_path / "confusion.png").stat().st_size > 1000
    result = zoo("export", out / "last.keras", tmp_path / "served")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "served" / "saved_model.pb").is_file()


@pytest.mark.slow
def test_fit_on_the_named_devices_writes_events_and_a_log_that_is_drawn(tmp_path):
    for package in ("tensorboard", "matplotlib"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    fields = {"model": "mlp", "train_sizes": "[]", "epochs": 1, "batch_size": 50}
    fields |= {f"{part}_split": "sample" for part in ("train", "validation", "test")}
    changes = [word for field, value in fields.items() for word in ("--set", f"{field}={value}")]
    options = ("--out", tmp_path, "--strategy", "mirrored", "--tensorboard")
    result = zoo("fit", "resnet20.fashion_mnist", *options, *changes)
    assert result.exit_code == 0, result.output
    assert "strategy: mirrored, 1 devices share each batch: the devices of this machine" in result.output
    assert "mfu: the share of" in result.output
    assert {path.name for path in (tmp_path / "tensorboard").iterdir()} == {"train", "validation"}
    result = zoo("report", tmp_path)
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"loss.png", "accuracy.png", "gradient_norm.png", "learning_rate.png"} <= names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit", "resnet20.fashion_mist"), "did you mean resnet20.fashion_mnist?"),
        (("fit", "image_fine_tune", "--set", "epochs"), "--set: expected FIELD=VALUE, found 'epochs'"),
        (("fit", "image_fine_tune", "--set", "epoch=3"), "found ['epoch']"),
        (("fit", "image_fine_tune", "--data", "no/where"), "no/where"),
        (("evaluate", "resnet20.fashion_mnist", "--data", "fashion_mist"), "fashion_mnist"),
        (("evaluate", "no/where"), "name: expected a folder, a .keras or a .gguf file at 'no/where'"),
        (("predict", "nowhere.png"), "x: expected a file in row 0, found none at 'nowhere.png'"),
        (("export", "resnet20.fashion_mnist", os.devnull), "folder: expected a new or empty folder"),
        (("list", "vgg*"), "pattern: expected a pattern that matches some name"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(arguments, message):
    result = zoo(*arguments)
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert message in result.output
    assert len(result.output.splitlines()) == 1
    assert "Traceback" not in result.output


def test_set_reads_numbers_lists_and_parts_of_dicts():
    recipe = recipes.find("image_fine_tune")
    changed = with_changes(
        recipe, ["epochs=3", "optimizer=adamw", "ema=null", "augment.crop=4", "augment.erase=0.5"]
    )
    assert (changed.epochs, changed.optimizer, changed.ema) == (3, "adamw", None)
    assert changed.augment == {**recipe.augment, "crop": 4, "erase": 0.5}
