"""MaskedLM: the tokens for [MASK], trained on plain texts by masking whole words."""

import pytest

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

import battery
import numpy as np
from text_cases import TEXTS, checks, preprocessor, tiny_bert
from zoo.applications import MaskedLM

from zoo.models import BertMaskedLM
from zoo.preprocessing.masking import mask_rows

# Something to find in each, and words left to hide.
X = [" ".join([*text.split()[:2], "[MASK]", *text.split()[3:]]) for text in TEXTS]


def masked_lm(**options):
    return MaskedLM(BertMaskedLM(tiny_bert(pooler=None)), preprocessor(**options))


@pytest.mark.parametrize("check", checks(), ids=battery.claim)
def test_masked_lm(check, tmp_path):
    check(masked_lm, X, None, tmp_path)


def test_every_mask_gets_its_best_tokens():
    app = masked_lm()
    answers = app.fill_mask(["one of the [MASK] comedies of the [MASK]", "a [MASK]"], top_k=4)
    assert [len(row) for row in answers] == [2, 1]
    assert all(len(best) == 4 and best[0]["score"] >= best[3]["score"] for row in answers for best in row)
    assert app.predict(["[MASK] [MASK]", "[MASK]"])[1, 1].sum() == 0


def test_whole_words_are_hidden_and_the_share_is_kept():
    rng = np.random.default_rng(0)
    inside = np.zeros(100, bool)
    inside[50:] = True
    ids = rng.integers(5, 100, (64, 40)).astype("int32")
    ids[:, 0], ids[:, -5:] = 2, 0
    hidden, positions, targets, weights = mask_rows(ids, [0, 2, 3, 4], 4, inside, 0.2, rng)
    masked_share = (weights.sum(axis=1) / 34).mean()
    assert 0.15 < masked_share <= 0.21
    as_mask = (np.take_along_axis(hidden, positions, 1) == 4)[weights > 0].mean()
    assert 0.75 < as_mask < 0.85
    for row in range(64):
        chosen = set(positions[row][weights[row] > 0].tolist())
        assert not {0, *range(35, 40)} & chosen
        if len(chosen) > 1:  # a single piece may stand for a word that is too long
            assert all(i - 1 in chosen for i in chosen if inside[ids[row, i]] and i > 1)
    np.testing.assert_array_equal(np.take_along_axis(ids, positions, 1)[weights > 0], targets[weights > 0])
    untouched = np.ones_like(ids, bool)
    np.put_along_axis(untouched, positions, False, 1)
    np.testing.assert_array_equal(hidden[untouched], ids[untouched])


@pytest.mark.parametrize(
    ("verb", "x", "message"),
    [
        (
            "fill_mask",
            ["no mask here"],
            r"x: expected \[MASK\] within the first 32 tokens of row 0, found none",
        ),
        ("fill_mask", ["a " * 60 + "[MASK]"], r"expected \[MASK\] within the first 32 tokens of row 0"),
        ("fit", ["", " "], "x: expected at least one text with a word in it"),
        ("fit", [3], "x: expected a string in row 0, found int 3"),
    ],
)
def test_bad_texts_are_named(verb, x, message):
    with pytest.raises(ValueError, match=message):
        getattr(masked_lm(), verb)(x)
