"""TextEncoder: strings to vectors, search, and fine-tuning on pairs."""

import pytest

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

import battery
import numpy as np
from text_cases import TEXTS, checks, preprocessor, tiny_bert
from zoo.applications import TextClassifier, TextEncoder

from zoo.models import BertClassifier

PAIRS = [(a, b) for a, b in zip(TEXTS[:8], TEXTS[2:10], strict=True)] * 4


def contrastive(**options):
    return TextEncoder(tiny_bert(pooler=None), preprocessor(), **options)


def regression():
    return contrastive(objective="cosine", pooling="cls", normalize=False)


@pytest.mark.parametrize("check", checks(), ids=battery.claim)
def test_text_encoder(check, tmp_path):
    check(contrastive, PAIRS, None, tmp_path)


@pytest.mark.slow
def test_trains_towards_given_cosines():
    app = regression()
    app.compile(epochs=30, learning_rate=3e-3, batch_size=8)
    targets = [1.0, -0.5] * 4
    history = app.fit(PAIRS[:8], targets, verbose=0).history["loss"]
    assert history[-1] < 0.3 * history[0]
    assert app.report(PAIRS[:8], targets)["spearman"] > 0.6


def test_search_finds_the_text_itself_and_takes_vectors():
    app = contrastive()
    found = app.search([TEXTS[3]], TEXTS[:8], top_k=3)[0]
    assert (found[0]["index"], found[0]["text"]) == (3, TEXTS[3])
    assert found[0]["score"] == pytest.approx(1, abs=1e-5)
    again = app.search([TEXTS[3]], app.embed(TEXTS[:8]), top_k=3)[0]
    assert [entry["index"] for entry in again] == [entry["index"] for entry in found]
    assert app.similarity(TEXTS[:2], TEXTS[:3]).shape == (2, 3)


def test_order_of_the_texts_does_not_matter():
    app = contrastive(pooling="cls")
    texts = [TEXTS[0], "so " * 60, "", TEXTS[1], "bad"]
    alone = np.concatenate([app.embed([text]) for text in texts])
    np.testing.assert_allclose(app.embed(texts, batch_size=2), alone, atol=1e-5)


def test_becomes_of_a_classifier_with_its_network(tmp_path):
    classifier = TextClassifier(BertClassifier(tiny_bert(), 2), preprocessor(), ["no", "yes"])
    classifier.save_pretrained(tmp_path)
    app = TextEncoder.from_pretrained(tmp_path, pooling="pooler")
    assert app.embed(TEXTS[:2]).shape == (2, 16)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (TEXTS[:4], None, {}, "x: expected two strings in row 0"),
        (PAIRS[:2], [0.5, 0.5], {}, 'y: expected None with objective="contrastive", found numbers'),
        (PAIRS[:2], None, {"objective": "cosine"}, "y: expected cosines, one for each pair of x, found None"),
        (PAIRS[:2], [0.5, 4], {"objective": "cosine"}, r"expected cosines in \[-1, 1\], found 4.0 at row 1"),
        (PAIRS[:2], [0.5], {"objective": "cosine"}, "y: expected 2 numbers"),
    ],
)
def test_bad_pairs_are_named(x, y, options, message):
    with pytest.raises(ValueError, match=message):
        contrastive(**options).fit(x, y, verbose=0)
