"""Beams, drafts, low-rank training, narrow kernels and corpora on disk: what a TextGenerator adds to them."""

import keras
import numpy as np
import pytest
from zoo.applications import TextGenerator

import zoo
from zoo.decoding import step_kernels
from zoo.preprocessing import BytePair, TokenFile

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

TEXTS = ["to be, or not to be, that is the question", "if music be the food of love, play on"] * 8


def make(seed=0, **options):
    keras.utils.set_random_seed(seed)
    tokens = BytePair.of_bytes()
    options = {"vocabulary_size": len(tokens), "num_layers": 1, "hidden_dim": 32, "num_heads": 2, **options}
    return TextGenerator(zoo.models.gpt_mini(mlp_dim=48, max_length=96, **options), tokens, row_length=32)


@pytest.fixture(scope="module")
def app():
    app = make()
    app.compile(learning_rate=1e-2)
    app.fit(TEXTS, epochs=6, batch_size=4, verbose=0)
    return app


@pytest.mark.slow
def test_beams_answer_likelier_and_stop_strings_cut_them(app):
    answers = {n: app.generate("to be", max_new_tokens=16, num_beams=n, stop=None) for n in (1, 4)}
    assert all(text.startswith("to be") for text in answers.values())
    short = app.generate(["to be"], max_new_tokens=16, num_beams=4, length_penalty=0.0, stop=[" ", "\n"])[0]
    assert " " not in short[len("to be") :]


@pytest.mark.slow
def test_a_draft_changes_nothing_but_the_passes(app):
    draft = make(seed=1, hidden_dim=16)
    prompts = ["to be", "if", "x"]
    expected = app.generate(prompts, max_new_tokens=20)
    assert app.generate(prompts, max_new_tokens=20, draft=draft) == expected
    assert app.generate(prompts, max_new_tokens=20, draft=draft.model) == expected
    options = {"temperature": 0.8, "seed": 3, "max_new_tokens": 8}
    assert app.generate(prompts, draft=draft, **options) == app.generate(prompts, draft=draft, **options)
    other = TextGenerator(draft.model, BytePair(BytePair.of_bytes().vocabulary[::-1], split="whole"))
    with pytest.raises(ValueError, match="draft: expected the vocabulary of this application"):
        app.generate("a", draft=other)


@pytest.mark.slow
def test_training_frees_the_copies_of_the_weights_and_changes_the_answer():
    app = make()
    before = app.generate("to be", max_new_tokens=32, stop=None)
    assert app.model in step_kernels._kept
    app.compile(learning_rate=3e-2)
    app.fit(TEXTS, epochs=1, batch_size=4, verbose=0)
    assert app.model not in step_kernels._kept
    assert app.generate("to be", max_new_tokens=32, stop=None) != before


@pytest.mark.slow
def test_low_rank_training_leaves_the_kernels_and_merging_keeps_the_answers(tmp_path):
    app = make()
    before = [np.array(v) for v in app.model.variables]
    app.enable_lora(rank=4)
    trained = sum(int(np.prod(v.shape)) for v in app.trainable_variables)
    assert trained < sum(part.size for part in before) / 4
    app.compile(learning_rate=3e-2)
    first = app.evaluate(TEXTS, return_dict=True)["loss"]
    app.fit(TEXTS, epochs=4, batch_size=4, verbose=0)
    last = app.evaluate(TEXTS, return_dict=True)["loss"]
    assert last < first - 0.2
    with pytest.raises(ValueError, match="filepath: expected merged kernels, found low-rank changes"):
        app.save(tmp_path / "a.keras")
    text = app.generate("to be", max_new_tokens=12)
    app.merge_lora()
    assert app.evaluate(TEXTS, return_dict=True)["loss"] == pytest.approx(last, rel=1e-4)
    assert app.generate("to be", max_new_tokens=12) == text
    assert [v.shape for v in app.model.variables] == [part.shape for part in before]
    app.save(tmp_path / "a.keras")
    assert TextGenerator.from_pretrained(tmp_path / "a.keras").generate("to be", max_new_tokens=12) == text
    assert any(
        layer.lora_enabled for layer in _dense(TextGenerator.from_pretrained(tmp_path / "a.keras", lora=2))
    )


def _dense(app):
    return [layer for layer in app.model._flatten_layers() if isinstance(layer, keras.layers.Dense)]


@pytest.mark.slow
def test_kernels_of_8_bits_score_nearly_the_same_and_are_not_saved(app, tmp_path):
    app.save(tmp_path / "a.keras")
    copy = TextGenerator.from_pretrained(tmp_path / "a.keras")
    wide = app.score(TEXTS[0])["log_prob"]
    copy.quantize("int8")
    assert {layer.kernel.dtype for layer in _dense(copy)} == {"int8"}
    assert copy.score(TEXTS[0])["log_prob"] == pytest.approx(wide, rel=0.05)
    assert copy.generate("to be", max_new_tokens=6).startswith("to be")
    with pytest.raises(ValueError, match="save: expected kernels of floats"):
        copy.save(tmp_path / "b.keras")


@pytest.mark.slow
def test_a_corpus_on_disk_trains_as_the_same_one_in_memory(tmp_path):
    histories = []
    for source in (TEXTS, TokenFile.write(tmp_path, iter(TEXTS), BytePair.of_bytes())):
        app = make()
        app.compile(learning_rate=1e-2)
        keras.utils.set_random_seed(4)
        history = app.fit(source, validation_data=source, epochs=2, batch_size=4, verbose=0).history
        histories.append([*history["loss"], history["val_loss"][-1] if source is not TEXTS else 0])
        if source is not TEXTS:
            assert app.evaluate(source, return_dict=True)["loss"] == pytest.approx(
                histories[-1][-1], rel=1e-4
            )
    np.testing.assert_allclose(histories[0][:2], histories[1][:2], rtol=1e-5)


@pytest.mark.slow
def test_a_killed_run_on_a_corpus_on_disk_goes_on_in_the_same_order(tmp_path):
    corpus = TokenFile.write(tmp_path / "corpus", TEXTS, BytePair.of_bytes())

    def trained(folder, epochs):
        app = make()
        app.compile(learning_rate=1e-2, epochs=2, schedule="constant", warmup=0)
        app.fit(corpus, batch_size=4, epochs=epochs, checkpoints=tmp_path / folder, verbose=0)
        return app

    whole = trained("whole", 2)
    trained("parts", 1)
    resumed = trained("parts", 2)
    for mine, theirs in zip(resumed.model.variables, whole.model.variables, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda app: app.generate("a", top_k=0), "top_k: expected 1 or more, or None for all, found 0"),
        (lambda app: app.generate("a", top_p=0.0), "top_p: expected a number in \\(0, 1\\], found 0.0"),
        (lambda app: app.generate("a", top_p=1.01), "top_p: expected a number in \\(0, 1\\], found 1.01"),
        (lambda app: app.generate("a", temperature=float("nan")), "temperature: expected a number of 0 or"),
        (lambda app: app.generate("a", max_new_tokens=0), "max_new_tokens: expected 1 or more, found 0"),
        (
            lambda app: app.generate("a", max_new_tokens=96),
            "max_new_tokens: expected at most 95, what a prompt",
        ),
        (lambda app: app.generate("a" * 97), "token_ids: expected prompts of at most 95 tokens, which"),
        (
            lambda app: app.generate("a", banned_tokens=range(257)),
            "banned_tokens: expected some token to remain",
        ),
        (lambda app: app.generate([]), "expected at least one"),
        (
            lambda app: app.generate("a", num_beams=2, stream=True),
            "stream: expected False together with num_b",
        ),
        (lambda app: app.enable_lora(0), "lora: expected a rank of at least 1"),
    ],
)
def test_bad_input_is_named(app, call, message):
    with pytest.raises(ValueError, match=message):
        call(app)
