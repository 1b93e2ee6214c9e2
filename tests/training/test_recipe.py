import dataclasses
import json

import pytest

from zoo.training import Recipe


def test_replace_changes_a_copy():
    recipe = Recipe(epochs=2)
    other = recipe.replace(epochs=3, ema=0.999)
    assert (recipe.epochs, other.epochs, other.ema) == (2, 3, 0.999)
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.epochs = 5


def test_replace_names_unknown_fields_and_the_known():
    with pytest.raises(
        ValueError, match=r"recipe: expected fields among \[.*'epochs'.*\], found \['epoch', 'lr'\]"
    ):
        Recipe().replace(lr=0.1, epoch=2, batch_size=3)


def test_a_recipe_read_back_from_json_equals_the_one_written():
    recipe = Recipe(augment={"erase": (0.02, 0.4), "crops": [[1, 2]]}, preprocessor={"mean": [0.5]})
    assert Recipe(**json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    ("warmup", "total", "steps"),
    [(0.05, 1000, 50), (0, 1000, 0), (1, 1000, 1), (400, 1000, 400), (400, 30, 30)],
)
def test_warm_up_is_a_share_below_one_and_steps_from_one(warmup, total, steps):
    assert Recipe(warmup=warmup).warmup_steps(total) == steps
