"""BertPretraining: masked tokens and next sentences from plain documents; what it learnt goes on."""

import pytest

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

import application_battery
import battery
import keras
import numpy as np
from text_cases import TEXTS, checks, preprocessor, tiny_bert
from zoo.applications import BertPretraining, MaskedLM, QuestionAnswerer, TextClassifier, TextEncoder

from zoo.models import BertMaskedLM
from zoo.preprocessing.sentence_pairs import SentencePairs, split_sentences
from zoo.training import Recipe

DOCUMENTS = [". ".join(TEXTS[i::8]) + "." for i in range(8)]
PAIRS = list(zip(TEXTS[:12], TEXTS[4:16], strict=True))


def pretraining(**options):
    return BertPretraining(BertMaskedLM(tiny_bert(), next_sentence=True), preprocessor(pairs=True), **options)


TRAINING = (  # these give `fit` and `predict` the same x
    application_battery.xla_equals_plain,
    application_battery.every_trainable_variable_gets_a_gradient,
    application_battery.loss_goes_down_on_real_data,
)


@pytest.mark.parametrize("check", checks(*TRAINING), ids=battery.claim)
def test_bert_pretraining(check, tmp_path):
    check(pretraining, PAIRS, None, tmp_path)


@pytest.mark.slow
def test_both_losses_go_down_and_documents_are_drawn_anew():
    keras.utils.set_random_seed(0)
    app = pretraining()
    app.compile(optimizer=keras.optimizers.Adam(1e-2))
    before = app.evaluate(DOCUMENTS, return_dict=True, verbose=0)
    assert app.evaluate(DOCUMENTS, return_dict=True, verbose=0) == before
    data = app.training_data(DOCUMENTS, batch_size=8)
    first, second = (next(iter(data))[0]["token_ids"].numpy() for _ in range(2))
    assert first.shape != second.shape or (first != second).any()
    app.fit(DOCUMENTS, batch_size=8, epochs=12, verbose=0)
    after = app.evaluate(DOCUMENTS, return_dict=True, verbose=0)
    assert after["tokens_loss"] < 0.9 * before["tokens_loss"]
    assert {"tokens_accuracy", "next_sentence_accuracy", "next_sentence_loss"} <= set(after)


@pytest.mark.slow
def test_accumulated_micro_batches_equal_the_batch():
    losses = []
    for accumulate in (1, 2):
        app = pretraining()
        app.compile(optimizer=keras.optimizers.SGD(0.1), accumulate=accumulate)
        keras.utils.set_random_seed(3)
        losses.append(app.fit(DOCUMENTS, batch_size=8, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_pairs_are_runs_of_sentences_within_the_room():
    tokenizer = preprocessor().tokenizer
    documents = [" ".join(f"{t}." for t in TEXTS[i : i + 5]) for i in range(6)]
    documents.append("the film " * 40)  # one sentence that does not fit
    pairs = SentencePairs(documents, tokenizer, room=40)
    rng = np.random.default_rng(0)
    index = np.arange(len(pairs.places))
    seen = []
    for _ in range(30):
        first, second, labels = pairs.draw(index, rng)
        assert min(first.lengths.min(), second.lengths.min()) >= 1
        assert (first.lengths + second.lengths <= 40).all()
        seen.append(labels)
        for row, place in enumerate(pairs.places):
            begin = pairs.splits[place]
            whole = np.concatenate([first.row(row), second.row(row)])
            follows = pairs.ids[begin : begin + len(whole)]
            if labels[row] == 0:
                np.testing.assert_array_equal(whole, follows)
    assert 0.4 < np.mean(seen) < 0.6


@pytest.mark.slow
def test_what_it_learnt_goes_on_in_other_applications(tmp_path):
    app = pretraining()
    app.save_pretrained(tmp_path)
    classifier = TextClassifier.from_pretrained(tmp_path, labels=["bad", "good"])
    tokens = app.preprocessor.pad(app.preprocessor.rows(["a film"], ["a bore"]))
    np.testing.assert_array_equal(classifier.bert(tokens)["pooled"], app.bert(tokens)["pooled"])
    text = "one of the [MASK] comedies"
    filled = MaskedLM.from_pretrained(tmp_path).predict([text])
    rows = preprocessor().rows([text])
    inputs = preprocessor().pad(rows)
    inputs["masked_positions"] = np.flatnonzero(inputs["token_ids"][0] == 4)[None]
    logits = app.model(inputs)["tokens"]
    np.testing.assert_allclose(filled[0], keras.ops.softmax(logits)[0], atol=1e-6)
    assert TextEncoder.from_pretrained(tmp_path).embed(["a film"]).shape == (1, 16)
    QuestionAnswerer.from_pretrained(tmp_path).answer([("what?", "a film")])


def test_a_recipe_learns_its_own_vocabulary():
    settings = {"vocabulary_size": 90, "max_length": 32}
    recipe = Recipe(application="BertPretraining", model="bert_tiny", preprocessor=settings)
    app = BertPretraining.from_recipe(recipe, (DOCUMENTS, None))
    assert len(app.preprocessor.tokenizer) <= 90
    assert app.preprocessor.pairs
    assert 0 < app.follows([("a film", "a bore")])[0] < 1
    (line,) = app.lines(["a film\ta bore"])
    assert line[0].startswith("a film\ta bore\t0.")


def test_sentences_end_at_stops_and_empty_lines():
    text = "It was cold. Very!\nStill\n\nhere?” He left… 3.5 km"
    assert split_sentences(text) == ["It was cold.", "Very!", "Still", "here?”", "He left… 3.5 km"]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (["one. two."], None, "x: expected two documents or more, found 1"),
        (["one. two.", "  \n"], None, "x: expected a sentence in document 1, found none"),
        (["one", "two"], None, "x: expected a document of two sentences or more, found one sentence in each"),
        (["one. two.", 3], None, "x: expected a string in row 1, found int 3"),
        (DOCUMENTS, [0] * 8, "y: expected None, the targets are drawn from the documents, found labels"),
    ],
)
def test_bad_documents_are_named(x, y, message):
    with pytest.raises(ValueError, match=message):
        pretraining().fit(x, y)


def test_it_needs_pairs_and_the_head_for_them():
    with pytest.raises(ValueError, match="preprocessor: expected pairs=True, found False"):
        BertPretraining(BertMaskedLM(tiny_bert(), next_sentence=True), preprocessor())
    with pytest.raises(ValueError, match="model: expected one with next_sentence=True"):
        BertPretraining(BertMaskedLM(tiny_bert()), preprocessor(pairs=True))
    with pytest.raises(ValueError, match=r"inputs: expected two texts with a tab between them, found 'a'"):
        list(pretraining().lines(["a"]))
