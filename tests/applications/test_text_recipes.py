"""What a recipe of a text application may ask for: rates by layer, early stopping, low-rank changes."""

import json

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from text_cases import LABELS, TEXTS, preprocessor, tiny_bert
from zoo.applications import TextClassifier, training_run

from zoo.models import BertClassifier
from zoo.training import Recipe


def classifier():
    return TextClassifier(BertClassifier(tiny_bert(), 2), preprocessor(), ["negative", "positive"])


@pytest.fixture
def films(tmp_path, monkeypatch):
    """A file of texts; `training_run` begins with the tiny classifier."""
    path = tmp_path / "films.tsv"
    rows = [f"{text} {i}\t{label}" for i, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))]
    path.write_text("\n".join(["text\tlabel", *rows]) + "\n")
    monkeypatch.setattr(TextClassifier, "from_recipe", lambda recipe, examples: classifier())
    return path


def recipe(**changes):
    return Recipe(application="TextClassifier", optimizer="adamw", batch_size=16, **changes)


def test_lower_layers_learn_at_lower_rates(tmp_path):
    app = classifier()
    app.compile(recipe(layer_decay=0.5))
    rates = {v.path: app.optimizer.rate_of(v) for v in app.trainable_variables}
    assert {rate for path, rate in rates.items() if "/block1/" in path} == {0.25}
    assert {rate for path, rate in rates.items() if "/embedding/" in path} == {0.125}
    assert {rate for path, rate in rates.items() if "/head/" in path or "/pooler/" in path} == {1.0}
    app.save(tmp_path / "a.keras")
    again = TextClassifier.from_pretrained(tmp_path / "a.keras")
    assert again.optimizer.layer_rates == app.optimizer.layer_rates
    with pytest.raises(ValueError, match=r"layer_decay: expected a number in \(0, 1\], found 2"):
        app.compile(recipe(layer_decay=2))
    with pytest.raises(ValueError, match="layer_decay: expected 1 with the optimizer 'sgd'"):
        app.compile(recipe(layer_decay=0.5), optimizer="sgd")


@pytest.mark.slow
def test_training_stops_early_with_the_best_weights(films, tmp_path):
    chosen = recipe(epochs=20, patience=2, learning_rate=0.0, schedule="constant", monitor="val_accuracy")
    application, result = training_run.run(chosen, tmp_path / "run", str(films), verbose=0)
    assert application.updates <= 3 * (len(TEXTS) // 16)
    assert 0 <= result["validation"]["accuracy"] <= 1
    training_run.run(chosen, tmp_path / "run", str(films), verbose=0)  # over, not begun again
    assert len((tmp_path / "run" / "log.csv").read_text().splitlines()) == 4
    with pytest.raises(ValueError, match="validation_split: expected the name of a split with patience"):
        training_run._early_stopping(chosen, None)


@pytest.mark.slow
def test_a_run_with_low_rank_changes_ends_in_merged_weights(films, tmp_path):
    application, _ = training_run.run(
        recipe(epochs=2, lora=2, learning_rate=1e-2), tmp_path / "run", str(films), verbose=0
    )
    assert not (tmp_path / "run" / "last.keras").exists()
    assert json.loads((tmp_path / "run" / "result.json").read_text())["recipe"]["lora"] == 2
    loaded = TextClassifier.from_pretrained(tmp_path / "run" / "pretrained")
    np.testing.assert_allclose(loaded.predict(TEXTS[:4]), application.predict(TEXTS[:4]), atol=1e-5)
