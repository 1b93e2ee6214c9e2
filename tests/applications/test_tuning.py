import importlib.util
import json

import pytest
from zoo.applications import tuning

from zoo import datasets
from zoo.training import Recipe


def recipe(**changes):
    """A perceptron on the bundled 500 images of Fashion-MNIST, at a learning rate that is too low."""
    return Recipe(
        name="mlp.sample",
        application="ImageClassifier",
        model="mlp",
        data="fashion_mnist",
        train_split="sample",
        validation_split="sample",
        preprocessor={"image_size": (28, 28), "channels": 1, "mean": (0.286,), "std": (0.353,)},
        epochs=4,
        batch_size=50,
        learning_rate=1e-3,
    ).replace(**changes)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"learning": "1:2"}, "recipe: expected fields"),
        ({"learning_rate": "1"}, "space: expected LOW:HIGH"),
        ({"learning_rate": "a:b"}, "space: expected numbers"),
    ],
)
def test_a_wrong_space_is_explained(space, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        tuning.parse_space(recipe(), space)


def test_ranges_of_integer_fields_are_integers():
    assert tuning.parse_space(recipe(), {"batch_size": "16:64"})[0][0] == "Int"


@pytest.mark.slow
def test_two_workers_find_a_better_validation_accuracy_than_the_default(tmp_path):
    """Budget: 6 trials of 4 epochs on 400 images."""
    pytest.importorskip("keras_tuner", reason="keras-tuner is not installed")
    space = {"learning_rate": "log:0.01:0.2", "optimizer": "sgd,adamw"}
    rows = tuning.tune(recipe(), tmp_path, space=space, method="random", trials=6, workers=2)
    default = next(row for row in rows if row["trial"] == "default")
    assert default["values"] == {"learning_rate": 1e-3, "optimizer": "sgd"}
    assert len(rows) == 7
    assert rows[0]["score"] > default["score"]
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert len(tuning.table(rows).splitlines()) == 8
    spec = importlib.util.spec_from_file_location("best_recipe", tmp_path / "best_recipe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert Recipe(**json.loads((tmp_path / "best_recipe.json").read_text())) == module.RECIPE
    assert module.RECIPE.learning_rate == rows[0]["values"]["learning_rate"]
    assert datasets.load(module.RECIPE.data, module.RECIPE.train_split)
