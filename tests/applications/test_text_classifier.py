"""TextClassifier: raw strings in, labels out, in fit, predict, .keras, folders and SavedModels."""

import itertools

import pytest

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

import application_battery
import battery
import numpy as np
import tensorflow as tf
from text_cases import LABELS, TEXTS, preprocessor, tiny_bert
from zoo.applications import TextClassifier

from zoo.models import BertClassifier

NAMES = ["negative", "positive"]


def single(**options):
    return TextClassifier(BertClassifier(tiny_bert(), 2), preprocessor(**options), NAMES)


@pytest.mark.parametrize("check", application_battery.CHECKS, ids=battery.claim)
def test_text_classifier(check, tmp_path):
    check(single, TEXTS, LABELS, tmp_path)


def pairs():
    return TextClassifier(BertClassifier(tiny_bert(), 2), preprocessor(pairs=True), ["same", "other"])


def several(task="multi", labels=("dull", "funny", "long")):
    return TextClassifier(BertClassifier(tiny_bert(), len(labels)), preprocessor(), labels, task)


def trained(app, x, y, epochs=25, learning_rate=5e-3):
    app.compile(epochs=epochs, learning_rate=learning_rate, batch_size=8)
    app.fit(x, y, verbose=0)
    return app


@pytest.mark.slow
def test_pairs_of_texts_are_told_apart():
    x = [(a, a if i % 2 else b) for i, (a, b) in enumerate(itertools.pairwise(TEXTS[:17]))]
    y = ["same" if i % 2 else "other" for i in range(16)]
    app = trained(pairs(), x, y)
    assert app.evaluate(x, y, return_dict=True, verbose=0)["accuracy"] > 0.8
    np.testing.assert_allclose(app.predict(np.array(x)), app.predict(x))
    data = tf.data.Dataset.from_tensor_slices((np.array(x), [app.labels.index(name) for name in y]))
    assert app.evaluate(data, return_dict=True, verbose=0)["accuracy"] > 0.8


@pytest.mark.slow
def test_several_labels_or_none():
    x = TEXTS[:8]
    y = [[name for name in ("dull", "funny", "long") if name in text] for text in x]
    app = trained(several(), x, y, 80, 1e-2)
    found = [sorted(entry["label"] for entry in row) for row in app.classify(x)]
    assert found == y
    assert [len(row) for row in app.classify(x[:2], top_k=3)] == [3, 3]
    hot = np.array([[float(name in row) for name in app.labels] for row in y])
    np.testing.assert_array_equal(app.targets(y, 8), app.targets(hot, 8))


@pytest.mark.slow
def test_numbers_are_fitted():
    x, y = TEXTS[:8], [len(text) / 20 for text in TEXTS[:8]]
    app = several("regression", ("length",))
    app.compile(epochs=60, learning_rate=5e-3, batch_size=8)
    app.fit(x, y, verbose=0)
    assert np.corrcoef(app.predict(x)[:, 0], y)[0, 1] > 0.8
    assert app.classify(x[:1])[0][0]["label"] == "length"


def test_every_kind_of_input_gives_the_same_answer():
    app, texts = single(), [*TEXTS[:4], "naïve café 👍", ""]
    expected = app.predict(texts)
    kinds = {
        "tuple": tuple(texts),
        "array": np.array(texts),
        "array of objects": np.array(texts, object),
        "bytes": [text.encode() for text in texts],
        "tf.data": tf.data.Dataset.from_tensor_slices(texts),
        "tf.data of batches": tf.data.Dataset.from_tensor_slices(texts).batch(4),
    }
    for kind, x in kinds.items():
        np.testing.assert_allclose(app.predict(x), expected, atol=1e-6, err_msg=kind)
    np.testing.assert_allclose(app.predict(texts[0]), expected[:1], atol=1e-5)


def test_labels_as_names_numbers_rows_and_tfdata_agree():
    app, numbers = single(), [NAMES.index(name) for name in LABELS[:16]]
    app.compile()
    kinds = [LABELS[:16], numbers, np.eye(2)[numbers]]
    scores = [app.evaluate(TEXTS[:16], y, return_dict=True, verbose=0)["loss"] for y in kinds]
    data = tf.data.Dataset.from_tensor_slices((TEXTS[:16], LABELS[:16]))
    scores.append(app.evaluate(data.batch(5), return_dict=True, verbose=0)["loss"])
    np.testing.assert_allclose(scores, scores[0], rtol=1e-5)


def test_batches_hold_texts_of_like_length_and_every_text_once():
    app = single()
    texts = [" ".join(["dull"] * n) for n in range(1, 29)] * 4
    lengths, seen = [], 0
    for inputs, _ in app.training_data(texts, ["negative"] * len(texts), batch_size=8):
        lengths.append(inputs["token_ids"].shape[1])
        seen += int(inputs["attention_mask"].numpy().sum()) - 2 * len(inputs["token_ids"])
    assert seen == 4 * sum(range(1, 29))
    assert len(set(lengths)) > 2
    assert sum(lengths) * 8 < 0.75 * 32 * len(texts)


def test_other_labels_and_tasks_make_a_new_head_and_keep_the_rest(tmp_path, capsys):
    app = single()
    app.save_pretrained(tmp_path / "app")
    other = TextClassifier.from_pretrained(tmp_path / "app", labels=["a", "b", "c"], max_length=16)
    assert "New head" in capsys.readouterr().out
    assert other.predict(TEXTS[:2]).shape == (2, 3)
    assert other.preprocessor.max_length == 16
    numbers = TextClassifier.from_pretrained(tmp_path / "app", task="regression")
    assert numbers.predict(TEXTS[:2]).shape == (2, 1)
    for mine, theirs in zip(other.bert.variables, app.bert.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("make", "x", "y", "message"),
    [
        (single, ["a", 3], [0, 1], "x: expected a string in row 1, found int 3"),
        (single, ["a", float("nan")], [0, 1], r"x: expected a string in row 1, found an empty cell \(NaN\)"),
        (single, ["a", None], [0, 1], "x: expected a string in row 1, found NoneType"),
        (single, [], [], "x: expected at least one text, found an empty list"),
        (single, {"text": ["a"]}, [0], "x: expected a list of texts, found dict"),
        (single, ["a"], None, "y: expected labels, one for each text of x, found None"),
        (
            single,
            ["a", "b"],
            ["negative", "neutral"],
            "labels: expected known names, found 'neutral' at row 1",
        ),
        (single, ["a", "b"], [0, 2], r"labels: expected integers in \[0, 2\), found 2 at row 1"),
        (single, ["a", "b"], [0], "y: expected 2 labels, one for each row of x, found 1"),
        (pairs, ["a", "b"], [0, 1], "x: expected two strings in row 0, found 'a'"),
        (pairs, [("a", "b", "c")], [0], "x: expected two strings in row 0"),
        (several, ["a"], [["sad"]], "y: expected labels among .* found 'sad' at row 0"),
        (several, ["a"], ["dull"], "y: expected a list of labels at row 0, found the string 'dull'"),
        (several, ["a"], np.array([[0, 1, 2]]), r"y: expected 0 and 1, found \[0.0, 1.0, 2.0\] at row 0"),
        (lambda: several("regression"), ["a"], [[1, 2]], r"y: expected shape \(1, 3\), found \(1, 2\)"),
        (lambda: several("regression"), ["a"], [[1, 2, np.nan]], "y: expected finite numbers"),
        (single, tf.data.Dataset.from_tensors("a").repeat(), None, "expected labels"),
    ],
)
def test_bad_rows_are_named(make, x, y, message):
    with pytest.raises(ValueError, match=message):
        make().fit(x, y, verbose=0)


def test_a_pickle_and_shapes_that_do_not_fit_are_refused(tmp_path):
    single().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="safetensors"):
        TextClassifier.from_pretrained(tmp_path)
    (tmp_path / "pytorch_model.bin").unlink()
    several().save_pretrained(tmp_path / "other")
    single().save_pretrained(tmp_path)
    (tmp_path / "other" / "model.safetensors").replace(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"different in shape: head.*expected \[2\], found \[3\]"):
        TextClassifier.from_pretrained(tmp_path)


@pytest.mark.slow
def test_compiled_application_goes_on_after_loading(tmp_path):
    app = single()
    app.compile(epochs=1, batch_size=16)
    app.fit(TEXTS, LABELS, verbose=0)
    app.save(tmp_path / "app.keras")
    loaded = TextClassifier.from_pretrained(tmp_path / "app.keras")
    assert int(loaded.optimizer.iterations) == int(app.optimizer.iterations) == 4
    np.testing.assert_array_equal(loaded.predict(TEXTS[:4]), app.predict(TEXTS[:4]))


@pytest.mark.slow
def test_low_rank_changes_train_merge_and_save(tmp_path):
    single().save_pretrained(tmp_path / "start")
    app = TextClassifier.from_pretrained(tmp_path / "start", lora=4)
    before = len(app.trainable_variables)
    assert before < len(single().trainable_variables)
    app = trained(app, TEXTS[:8], LABELS[:8])
    assert app.evaluate(TEXTS[:8], LABELS[:8], return_dict=True, verbose=0)["accuracy"] > 0.8
    with pytest.raises(ValueError, match="call merge_lora"):
        app.save(tmp_path / "app.keras")
    expected = app.predict(TEXTS)
    app.save_pretrained(tmp_path / "end")
    np.testing.assert_allclose(app.predict(TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(
        TextClassifier.from_pretrained(tmp_path / "end").predict(TEXTS), expected, atol=1e-5
    )


@pytest.mark.slow
def test_int8_stays_close(tmp_path):
    app = single()
    expected = app.predict(TEXTS)
    app.quantize("int8")
    found = app.predict(TEXTS)
    assert 0 < np.abs(found - expected).max() < 0.05
    with pytest.raises(ValueError, match="save before you quantize"):
        app.save_pretrained(tmp_path)
