import os
import subprocess
import sys
import textwrap

import application_battery
import battery
import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo.applications import TextGenerator
from zoo.applications.text_serving import raw_inputs

import zoo
from zoo.preprocessing import BytePair
from zoo.preprocessing.packing import packed_rows, token_stream

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

TEXTS = [
    "To be, or not to be, that is the question: whether 'tis nobler in the mind to suffer the slings and "
    "arrows of outrageous fortune, or to take arms against a sea of troubles, and by opposing end them.",
    "Shall I compare thee to a summer's day? Thou art more lovely and more temperate: rough winds do shake "
    "the darling buds of May, and summer's lease hath all too short a date.",
    "If music be the food of love, play on.",
] * 3  # fmt: skip


def make(**options):
    keras.utils.set_random_seed(0)
    tokens = BytePair.train(TEXTS, 290)
    options = {"vocabulary_size": len(tokens), "num_layers": 1, "hidden_dim": 32, "num_heads": 2, **options}
    model = zoo.models.gpt_mini(mlp_dim=48, max_length=96, **options)
    return TextGenerator(model, tokens, row_length=32)


@pytest.mark.parametrize("check", application_battery.CHECKS, ids=battery.claim)
def test_application(check, tmp_path):
    check(make, TEXTS, None, tmp_path)


@pytest.fixture(scope="module")
def trained():
    app = make()
    app.compile(learning_rate=1e-2)
    app.fit(TEXTS * 4, epochs=12, batch_size=4, verbose=0)
    return app


@pytest.mark.slow
def test_it_learns_its_texts_by_heart(trained):
    assert trained.generate("To be, or not", max_new_tokens=12).startswith("To be, or not to be, that is")
    assert trained.score("If music be the food of love, play on.")["perplexity"] < 3


def test_generate_takes_one_string_or_many(trained):
    one = trained.generate("Shall I", max_new_tokens=8)
    assert trained.generate(["Shall I", "If music"], max_new_tokens=8)[0] == one
    assert trained.generate("", max_new_tokens=8)[:3] in ("To ", "Sha", "If ")


@pytest.mark.slow
def test_stream_gives_the_same_text_and_stop_strings_end_it(trained):
    options = {"max_new_tokens": 40, "temperature": 0.7, "seed": 3, "stop": None}
    whole = trained.generate("To be", **options)
    assert "To be" + "".join(trained.generate("To be", stream=True, **options)) == whole
    answer = whole[len("To be") :]
    stop = answer[10:14]
    assert trained.generate("To be", **{**options, "stop": stop}) == "To be" + answer[: answer.index(stop)]


def test_score_equals_the_sum_over_the_logits(trained):
    text = TEXTS[0][:40]
    ids = trained.preprocessor.encode([text])[0]
    end = trained.preprocessor.end_id
    assert len(ids) < 31
    logits = trained.model(np.array([[end, *ids]]))[0].numpy()
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = log_probs[np.arange(len(ids) + 1), [*ids, end]]
    found = trained.score(text)
    np.testing.assert_allclose(found["token_log_probs"], expected, atol=1e-4)
    assert found["bits_per_byte"] == pytest.approx(-expected.sum() / np.log(2) / len(text), rel=1e-4)


def test_windows_score_every_token_once(trained):
    long = " ".join(TEXTS)
    for stride in (None, 7, 32):
        found = trained.score(long, stride=stride)
        assert found["tokens"] == len(trained.preprocessor.encode([long])[0]) + 1
        assert (found["token_log_probs"] < 0).all()


def test_documents_do_not_see_each_other(trained):
    first, second = trained.preprocessor.encode(TEXTS[1:3])
    second = second[:10]
    stream = token_stream([first[:12], second], trained.preprocessor.end_id)
    inputs, _, weights = next(iter(packed_rows(stream, 32, 1)))
    hidden = trained(inputs)
    alone = trained.model.hidden(np.array([[trained.preprocessor.end_id, *second]]))
    np.testing.assert_allclose(hidden[0, 13:24], alone[0], atol=1e-4)
    assert weights.numpy().sum() == 12 + 10 + 2


@pytest.mark.slow
def test_answers_alone_are_learned():
    tokens = make().preprocessor
    prompts, answers = tokens.encode(["To be"]), tokens.encode(["or not"])
    ids, _, wanted = token_stream(answers, tokens.end_id, prompts)
    assert ids[wanted].tolist() == [tokens.end_id, *answers[0], tokens.end_id]
    app = make()
    app.compile(learning_rate=1e-2)
    app.fit(["Q: one A:", "Q: two A:"] * 16, [" uno", " dos"] * 16, epochs=15, batch_size=2, verbose=0)
    assert app.generate(["Q: one A:", "Q: two A:"], max_new_tokens=6) == ["Q: one A: uno", "Q: two A: dos"]


def test_evaluate_measures_bits_per_byte(trained):
    result = trained.evaluate(TEXTS[:2], return_dict=True)
    scores = trained.score(TEXTS[:2])
    nats = -sum(score["log_prob"] for score in scores)
    assert result["bits_per_byte"] == pytest.approx(nats / np.log(2) / sum(map(len, TEXTS[:2])), rel=1e-5)
    history = trained.fit(TEXTS, validation_data=TEXTS[:2], epochs=1, batch_size=4, verbose=0).history
    assert history["val_loss"][0] < 3


SERVE = """
    import sys
    import tensorflow as tf
    served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
    numbers = dict(top_k=0, top_p=0.9, min_p=0.0, repetition_penalty=1.2, seed=4)
    floats = ("temperature", "top_p", "min_p", "repetition_penalty")
    for temperature in (0.0, 0.8):
        options = {**numbers, "temperature": temperature, "max_new_tokens": 12}
        options = {k: tf.constant(v, "float32" if k in floats else "int32") for k, v in options.items()}
        texts = tf.constant(["To be", "Shall I compare thee", ""])
        for text in served(texts=texts, **options)["texts"].numpy():
            print(repr(text.decode()))
    assert "zoo" not in sys.modules
"""


@pytest.mark.slow
def test_saved_model_generates_the_same_text_without_the_package(trained, tmp_path):
    trained.export(tmp_path / "served")
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SERVE), tmp_path / "served"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    options = {"max_new_tokens": 12, "top_p": 0.9, "repetition_penalty": 1.2, "seed": 4}
    prompts = ["To be", "Shall I compare thee", ""]
    expected = [text for t in (0.0, 0.8) for text in trained.generate(prompts, temperature=t, **options)]
    assert run.stdout.splitlines() == [repr(text) for text in expected]


@pytest.mark.slow
def test_exported_prefill_and_step_equal_the_whole(trained, tmp_path):
    trained.export(tmp_path / "served")
    loaded = tf.saved_model.load(str(tmp_path / "served"))
    tokens = tf.constant([[5, 9, 70, 3, 11], [8, 8, 1, 2, 90]])
    whole = loaded.signatures["logits"](token_ids=tokens)["logits"]
    state = loaded.signatures["prefill"](token_ids=tokens[:, :3], cache_length=tf.constant(16))
    np.testing.assert_allclose(state["logits"], whole[:, 2], atol=1e-4)
    for place in (3, 4):
        step = {
            "token_ids": tokens[:, place : place + 1],
            "place": tf.constant(place),
            "cache": state["cache"],
        }
        state = loaded.signatures["step"](**step)
        np.testing.assert_allclose(state["logits"], whole[:, place], atol=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda app: app.generate([3]), "prompts: expected"),
        (lambda app: app.generate("a" * 400), "token_ids: expected prompts of at most 95 tokens"),
        (lambda app: app.generate("a", top_k=-1), "top_k: expected"),
        (lambda app: app.generate(["a", "b"], stream=True), "stream: expected one prompt, found 2"),
        (lambda app: app.fit([""]), "x: expected some text, found empty documents only"),
        (lambda app: app.fit(["a"], ["b", "c"]), "y: expected 1 answers, one a prompt, found 2"),
        (
            lambda app: app.chat([{"role": "user", "content": "hi"}]),
            "chat: expected a vocabulary with a chat",
        ),
        (
            lambda app: TextGenerator(app.model, BytePair.train(TEXTS, 300)),
            "preprocessor: expected at most 290",
        ),
        (
            lambda app: TextGenerator(zoo.models.gpt_mini(num_layers=1), app.preprocessor),
            "preprocessor: expected about 2048 tokens, as the model has, found 290",
        ),
        (lambda app: raw_inputs(["a"], top=3), "sampler: expected some of"),
    ],
)
def test_bad_input_is_named(trained, call, message):
    with pytest.raises(ValueError, match=message):
        call(trained)
