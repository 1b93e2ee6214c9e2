"""The weights in the package: small, whole, golden, and as good as their entry says."""

import pathlib
import re

import numpy as np
import pytest

from zoo import applications, hub
from zoo.datasets import fashion_mnist, shakespeare

BUNDLED = [name for name, entry in hub.WEIGHTS.items() if entry.source.startswith("bundled:")]


@pytest.mark.parametrize("name", BUNDLED)
def test_file_is_small_and_whole(name):
    entry = hub.find(name)
    if entry.is_folder:
        path = hub.fetch_folder(entry.source, entry.sha256) / "model.safetensors"
    else:
        path = hub.fetch(entry.source, entry.sha256)
    assert path.stat().st_size <= 8 * 2**20


def test_all_bundled_files_are_registered_and_fit_the_budget():
    folder = pathlib.Path(hub.__file__).parent / "weights"
    files = {path.name for path in folder.iterdir() if path.name != "__pycache__"}
    assert files == {hub.find(name).source.removeprefix("bundled:").rstrip("/") for name in BUNDLED}
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 25 * 2**20


@pytest.mark.parametrize("name", BUNDLED)
def test_answers_are_the_golden_ones(name):
    entry = hub.find(name)
    app = getattr(applications, entry.application).from_pretrained(name)
    expected = entry.golden["outputs"]
    found = first_outputs(app, entry.golden)[: len(expected)]
    np.testing.assert_allclose(found, expected, atol=entry.golden["tolerance"])
    weights = [v for v in app.model.variables if v.dtype == "float32"]  # the state of a seed is none
    assert sum(np.prod(v.shape) for v in weights) == entry.parameters


def first_outputs(app, golden):
    """What `app` predicts for the golden input: a text, pairs, random pixels, or noise as sound."""
    if "pairs" in golden:
        return app.predict([tuple(pair) for pair in golden["pairs"]])
    if "text" in golden:
        return app.score(golden["text"])["token_log_probs"]
    rng = np.random.default_rng(golden["seed"])
    if isinstance(app, applications.SpeechRecognizer):
        return app.predict(rng.normal(0, 0.1, golden["shape"]).astype("float32"))[0][0]
    return app.predict(rng.integers(0, 256, golden["shape"], "uint8"))[0]


def test_resnet20_is_float32_whatever_its_recipe_trained_in():
    app = applications.ImageClassifier.from_pretrained("resnet20.fashion_mnist")
    assert app.model.dtype_policy.name == "float32"


def test_resnet20_recognises_the_embedded_test_images(clothes):
    app = applications.ImageClassifier.from_pretrained("resnet20.fashion_mnist")
    accuracy = app.evaluate(*clothes, return_dict=True, verbose=0)["accuracy"]
    stated = stated_accuracy()
    assert accuracy > stated - 3 * (stated * (1 - stated) / 500) ** 0.5


def stated_accuracy():
    return float(re.fullmatch(r"test accuracy (0\.\d{4})", hub.find("resnet20.fashion_mnist").metric)[1])


@pytest.mark.slow
def test_resnet20_reaches_its_stated_accuracy_on_the_whole_test_set():
    try:
        images, labels = fashion_mnist("test")
    except FileNotFoundError as error:
        pytest.skip(f"no full Fashion-MNIST: {str(error).splitlines()[0]}")
    app = applications.ImageClassifier.from_pretrained("resnet20.fashion_mnist")
    accuracy = (app.predict(images, batch_size=250).argmax(axis=1) == labels).mean()
    assert accuracy == pytest.approx(stated_accuracy(), abs=3e-4)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Romeo, Romeo, wherefore art [MASK] Romeo?", "thou"),
        ("My [MASK], I will obey you.", "lord"),
        ("What, ho! Who is [MASK]?", "there"),
    ],
)
def test_bert_tiny_fills_masks_as_the_plays_would(text, word):
    app = applications.MaskedLM.from_pretrained("bert_tiny.shakespeare")
    assert app.fill_mask([text], top_k=1)[0][0][0]["token"] == word


@pytest.mark.slow
def test_bert_tiny_reaches_its_stated_accuracies_on_the_plays():
    try:
        plays = shakespeare("test")
    except FileNotFoundError as error:
        pytest.skip(f"no plays: {str(error).splitlines()[0]}")
    app = applications.BertPretraining.from_pretrained("bert_tiny.shakespeare")
    found = app.evaluate(*plays, batch_size=64, return_dict=True, verbose=0)
    stated = map(float, re.findall(r"0\.\d{3}", hub.find("bert_tiny.shakespeare").metric))
    assert [found["tokens_accuracy"], found["next_sentence_accuracy"]] == pytest.approx(
        list(stated), abs=2e-3
    )
