"""QuestionAnswerer: spans of whole words in contexts of any length."""

import pytest

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

import application_battery
import battery
from text_cases import TEXTS, checks, preprocessor, tiny_bert
from zoo.applications import QuestionAnswerer

from zoo.models import BertSpanFinder

# The answer is always the third word, so it can be learnt.
X = [{"question": "which is best?", "context": text} for text in TEXTS]
Y = [{"text": text.split()[2], "start": text.index(f" {text.split()[2]} ") + 1} for text in TEXTS]
CHECKS = checks(application_battery.narrow_floats_stay_close)


def answerer(**options):
    return QuestionAnswerer(
        BertSpanFinder(tiny_bert(pooler=None)), preprocessor(pairs=True), **{"stride": 8, **options}
    )


@pytest.mark.parametrize("check", CHECKS, ids=battery.claim)
def test_question_answerer(check, tmp_path):
    check(answerer, X, Y, tmp_path)


def test_answers_are_whole_words_of_the_context_wherever_they_stand():
    app = answerer(max_answer=4)
    contexts = [TEXTS[0], "Naïve, “odd” film! " * 30, "", "x"]
    for context, found in zip(contexts, app.answer([("best?", c) for c in contexts]), strict=True):
        assert context[found["start"] : found["end"]] == found["answer"]
        assert bool(found["answer"]) == bool(context)
        before, after = context[: found["start"]][-1:], context[found["end"] :][:1]
        assert not (before.isalpha() and found["answer"][:1].isalpha())
        assert not (after.isalpha() and found["answer"][-1:].isalpha())


def test_every_window_of_a_long_context_sees_an_answer_once_or_more():
    app = answerer()
    context = "so " * 50 + "gripping film " + "so " * 50
    answer = {"text": "gripping film", "start": context.index("gripping")}
    data = list(app.training_data([("what?", context)], [[answer]], batch_size=64, shuffle=False))
    (inputs, targets), tokenizer = data[0], app.preprocessor.tokenizer
    held = [i for i, (begin, _) in enumerate(targets.numpy()) if begin]
    assert 1 <= len(held) <= 2 < len(targets)
    for i in held:
        begin, end = targets[i].numpy()
        assert tokenizer.text(inputs["token_ids"][i].numpy()[begin : end + 1]) == "gripping film"


def test_no_answer_may_win():
    app = answerer()
    found = app.answer(X[:4], may_be_none=True)
    best = app.predict(X[:4])
    for row, (_, _, score, none) in zip(found, best, strict=True):
        assert (row["answer"] == "") == (none > score)


def test_report_counts_as_squad_does():
    scores = answerer().report(X[:4], [[answer] for answer in Y[:4]])
    assert set(scores) == {"exact_match", "f1"}


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([{"question": "a"}], [[]], 'x: expected "question" and "context" in row 0'),
        ([("a", 3)], [[]], "x: expected two strings in row 0"),
        (
            [("a", "one two")],
            [{"text": "two", "start": 0}],
            "y: expected the answer 'two' at character 0 .* row 0, found 'one'",
        ),
        ([("a", "one")], ["one"], r'y: expected {"text", "start"} in row 0'),
        ([("a", "one")], [], "y: expected 1 answers"),
        ([("a", "one")], None, "y: expected an answer for each row of x, found None"),
    ],
)
def test_bad_examples_are_named(x, y, message):
    with pytest.raises(ValueError, match=message):
        answerer().fit(x, y, verbose=0)
