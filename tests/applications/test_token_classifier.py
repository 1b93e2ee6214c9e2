"""TokenClassifier: words labelled at their first piece, whatever the length of the text."""

import pytest

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

import battery
import numpy as np
from text_cases import TEXTS, checks, preprocessor, tiny_bert
from zoo.applications import TokenClassifier

from zoo.models import BertTokenClassifier

WORDS = [text.split() for text in TEXTS]
# A word's label depends on its letters, so it can be learnt.
LABELS = [
    ["B-LONG" if len(word) > 4 else "I-LONG" if word[0] in "aeiou" else "O" for word in row] for row in WORDS
]
NAMES = ["B-LONG", "I-LONG", "O"]


def tagger(**options):
    return TokenClassifier(BertTokenClassifier(tiny_bert(pooler=None), 3), preprocessor(**options), NAMES)


@pytest.mark.parametrize("check", checks(), ids=battery.claim)
def test_token_classifier(check, tmp_path):
    check(tagger, WORDS, LABELS, tmp_path)


def test_texts_of_any_length_are_labelled_to_the_end():
    short, long = tagger(max_length=16), tagger(max_length=64)
    words = ["dull", "and", "beautifully"]
    np.testing.assert_allclose(short.predict([words]), long.predict([words]), atol=1e-5)
    tagged = short.tag([words * 40, words])
    assert [len(row) for row in tagged] == [120, 3]
    assert all(entry["label"] in NAMES and entry["score"] > 0 for entry in tagged[0])


def test_a_string_is_split_around_punctuation():
    tagged = tagger().tag(["Naïve, isn't it?"])[0]
    assert [entry["word"] for entry in tagged] == ["Naïve", ",", "isn", "'", "t", "it", "?"]


def test_words_of_control_characters_get_a_label_too():
    assert len(tagger().tag([["a", "\x07", "b"]])[0]) == 3


@pytest.mark.slow
def test_entities_and_report():
    app = tagger()
    app.compile(epochs=12, learning_rate=5e-3, batch_size=16)
    app.fit(WORDS, LABELS, verbose=0)
    scores = app.report(WORDS[:8], LABELS[:8])
    assert scores.accuracy > 0.8
    assert scores.accuracy == pytest.approx(
        app.evaluate(WORDS[:8], LABELS[:8], return_dict=True, verbose=0)["accuracy"]
    )
    assert all(set(entity) == {"type", "words", "begin", "end"} for entity in app.entities(WORDS[:1])[0])


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (WORDS[:2], [["O"], ["O"]], "y: expected 7 labels in row 0, one a word, found 1"),
        ([["a"]], [["X"]], "y: expected known labels, found 'X' in row 0"),
        ([["a"], "b"], [["O"], ["O"]], "x: expected a list of words in row 1, found 'b'"),
        ([["a", 3]], [["O", "O"]], "x: expected a list of words in row 0"),
        ([["a"]], None, "y: expected a list of labels for each text of x, found None"),
        ([["a"]], [], "y: expected 1 lists of labels"),
        ([], [], "x: expected at least one text"),
    ],
)
def test_bad_rows_are_named(x, y, message):
    with pytest.raises(ValueError, match=message):
        tagger().fit(x, y, verbose=0)
