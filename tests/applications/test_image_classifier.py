"""ImageClassifier: raw images in, labels out, in fit, predict, .keras, folders and SavedModels."""

import subprocess
import sys

import application_battery
import battery
import keras
import numpy as np
import pytest
import tensorflow as tf
from zoo.applications import ImageClassifier

import zoo.datasets


@pytest.mark.parametrize("check", application_battery.CHECKS, ids=battery.claim)
def test_image_classifier(check, tiny, clothes, tmp_path):
    check(tiny, clothes[0][:64], clothes[1][:64], tmp_path)


@pytest.mark.slow
def test_every_kind_of_input_gives_the_same_answer(tiny, clothes, tmp_path):
    app, images = tiny(), clothes[0][:7]
    encoded = [tf.io.encode_png(image).numpy() for image in images]
    paths = [tmp_path / f"{i}.png" for i in range(7)]
    for path, data in zip(paths, encoded, strict=True):
        path.write_bytes(data)
    expected = app.predict(images)
    kinds = {
        "float32": images.astype("float32"),
        "[N, H, W]": images[..., 0],
        "list of arrays": list(images),
        "bytes": encoded,
        "paths": paths,
        "array of paths": np.array([str(path) for path in paths]),
        "tf.data of images": tf.data.Dataset.from_tensor_slices(images),
        "tf.data of batches": tf.data.Dataset.from_tensor_slices(images).batch(3),
        "tf.data of bytes": tf.data.Dataset.from_tensor_slices(encoded),
        "tf.data of paths": tf.data.Dataset.from_tensor_slices([str(path) for path in paths]),
    }
    assert expected.shape == (7, 10)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    for kind, x in kinds.items():
        np.testing.assert_allclose(app.predict(x), expected, atol=1e-6, err_msg=kind)


@pytest.mark.slow
def test_a_data_set_object_is_its_images_and_labels(tiny, clothes):
    data = zoo.datasets.fashion_mnist("sample")
    histories = []
    for x, y in ((data, None), tuple(data)):
        keras.utils.set_random_seed(0)
        app = tiny()
        app.fit(x, y, validation_data=data if y is None else (x, y), epochs=1, verbose=0)
        histories.append(app.history.history)
    assert histories[0] == histories[1]
    assert app.evaluate(data, verbose=0) == app.evaluate(*data, verbose=0)
    np.testing.assert_array_equal(app.predict(data), app.predict(data.images))


def test_images_of_many_sizes_and_channels_fit_together(tiny, photos):
    app = tiny()
    scores = app.predict(sorted(photos.glob("*/*")))
    assert scores.shape == (18, 10)
    np.testing.assert_array_equal(app.predict(photos), scores)  # a folder's labels do not matter here


@pytest.mark.slow
def test_labels_as_numbers_names_rows_and_tfdata_train_alike(tiny, clothes):
    images, labels = clothes[0][:64], clothes[1][:64]
    names = [tiny().labels[i] for i in labels]
    losses = []
    for x, y in (
        (images, labels),
        (images, names),
        (images, np.eye(10)[labels]),
        (tf.data.Dataset.from_tensor_slices((images, labels)), None),
        (tf.data.Dataset.from_tensor_slices((images, names)).batch(5), None),
    ):
        app = tiny()
        app.compile(learning_rate=0.05, augment={})
        losses.append(app.fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0).history["loss"][0])
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


@pytest.mark.slow
def test_fit_learns_from_a_folder(tiny, photos):
    app = tiny(labels=["bag", "boot", "coat"])
    app.compile(learning_rate=0.1, augment={})
    history = app.fit(photos, batch_size=6, epochs=12, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert app.evaluate(photos, verbose=0, return_dict=True)["accuracy"] > 0.5


@pytest.mark.slow
def test_sample_weights_of_zero_leave_a_row_out(tiny, clothes):
    images, labels = clothes[0][:32], clothes[1][:32].copy()
    weights = np.repeat([1.0, 0.0], 16).astype("float32")
    wrong = np.concatenate([labels[:16], (labels[16:] + 1) % 10])
    losses = []
    for y in (labels, wrong):
        app = tiny()
        app.compile(augment={})
        losses.append(app.fit(images, y, sample_weight=weights, epochs=1, verbose=0).history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("augment", [{"mixup": 0.2, "cutmix": 1.0}, {"rand_augment": 0.3, "erase": 0.5}])
def test_strong_augmentation_trains(tiny, clothes, augment):
    app = tiny()
    app.compile(augment={"crop": 2, "flip": True, **augment})
    loss = app.fit(*clothes, batch_size=250, epochs=1, verbose=0).history["loss"][0]
    assert np.isfinite(loss)


def test_compile_follows_the_recipe_and_arguments_override_it(tiny):
    app = tiny()
    app.compile(learning_rate=0.3, ema=0.99, label_smoothing=0.2)
    assert app.optimizer.use_ema
    assert app.loss.label_smoothing == 0.2
    assert app.recipe.learning_rate == 0.3
    app.compile(optimizer="adamw", loss="sparse_categorical_crossentropy")
    assert isinstance(app.optimizer, keras.optimizers.AdamW)
    mine = keras.optimizers.SGD(0.123)
    app.compile(optimizer=mine)
    assert app.optimizer is mine


def test_own_optimizer_keeps_its_learning_rate(tiny, clothes):
    app = tiny()
    app.compile(optimizer=keras.optimizers.SGD(0.0))
    before = app.predict(clothes[0][:3])
    app.evaluate(*clothes, verbose=0)
    app.fit(clothes[0][:32], clothes[1][:32], epochs=1, verbose=0)
    assert float(app.optimizer.learning_rate) == 0.0
    assert app.predict(clothes[0][:3]).shape == before.shape


def test_schedule_ends_at_zero_and_a_second_fit_starts_again(tiny, clothes):
    app = tiny()
    app.compile(learning_rate=0.1, schedule="cosine", warmup=2)
    for start in (0, 4):
        app.fit(clothes[0][:64], clothes[1][:64], batch_size=32, epochs=2, verbose=0)
        schedule = app.optimizer._learning_rate
        assert (schedule.start, schedule.total_steps, schedule.warmup_steps) == (start, 4, 2)
        assert float(schedule(start + 1)) == pytest.approx(0.1)
        assert float(schedule(start + 4)) == pytest.approx(0.0, abs=1e-7)


def test_saved_training_goes_on_like_an_uninterrupted_one(tiny, clothes, tmp_path):
    app = tiny()
    app.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9, weight_decay=1e-2))
    batch = app.training_data(clothes[0][:32], clothes[1][:32], batch_size=32, shuffle=False)
    x, y = next(iter(batch))
    for _ in range(3):
        app.train_on_batch(x, y)
    app.save(tmp_path / "app.keras")
    app.train_on_batch(x, y)
    resumed = keras.saving.load_model(tmp_path / "app.keras")
    assert type(resumed.optimizer) is keras.optimizers.SGD
    assert int(resumed.optimizer.iterations) == 3
    assert float(resumed.optimizer.learning_rate) == pytest.approx(0.05)
    resumed.train_on_batch(x, y)
    for ours, theirs in zip(app.variables, resumed.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
    for ours, theirs in zip(app.optimizer.variables, resumed.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


def test_weight_decay_spares_norms_and_biases_also_after_loading(tiny, clothes, tmp_path):
    app = tiny()
    app.compile(weight_decay=0.5, learning_rate=0.1)
    app.fit(clothes[0][:32], clothes[1][:32], epochs=1, verbose=0)
    app.save(tmp_path / "app.keras")
    loaded = keras.saving.load_model(tmp_path / "app.keras")
    for optimizer in (app.optimizer, loaded.optimizer):
        decays = {v.name for v in app.trainable_variables if optimizer._use_weight_decay(v)}
        assert decays == {"kernel"}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])  # whose loss scale wraps the optimizer
def test_ema_is_what_validation_sees_and_what_remains(precision, tiny, clothes):
    app = tiny(precision=precision)
    app.compile(ema=0.9, learning_rate=0.1, augment={})
    images, labels = clothes[0][:64], clothes[1][:64]
    history = app.fit(images, labels, validation_data=(images, labels), epochs=2, verbose=0).history
    after = app.evaluate(images, labels, return_dict=True, verbose=0)["loss"]
    assert after == pytest.approx(history["val_loss"][-1], rel=1e-4)


def test_other_classes_get_a_new_head_and_it_says_so(tiny, tmp_path, capsys):
    app = tiny()
    app.save_pretrained(tmp_path / "folder")
    same = ImageClassifier.from_pretrained(tmp_path / "folder", labels=app.labels)
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(same.model.head.kernel, app.model.head.kernel)
    other = ImageClassifier.from_pretrained(tmp_path / "folder", labels=["cat", "dog"])
    assert (
        "New head: 10 classes ['T-shirt/top', ..., 'Ankle boot'] -> 2 ['cat', 'dog']"
        in capsys.readouterr().out
    )
    assert other.predict(np.zeros((1, 28, 28, 1), "uint8")).shape == (1, 2)
    np.testing.assert_array_equal(other.model.stem_convs[0].kernel, app.model.stem_convs[0].kernel)


def test_folder_holds_everything_and_a_card(tiny, clothes, tmp_path):
    app = tiny(interpolation="bicubic", crop_ratio=0.875, image_size=(24, 20))
    app.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    loaded = ImageClassifier.from_pretrained(tmp_path)
    np.testing.assert_allclose(loaded.predict(clothes[0][:5]), app.predict(clothes[0][:5]), atol=1e-6)
    card = (tmp_path / "README.md").read_text()
    assert "24x20 px" in card
    assert "T-shirt/top" in card


@pytest.mark.slow
def test_precision_stays_in_folder_file_and_savedmodel(tiny, clothes, tmp_path):
    tiny().save_pretrained(tmp_path / "wide")
    app = ImageClassifier.from_pretrained(tmp_path / "wide", precision="mixed_bfloat16")
    expected = app.predict(clothes[0][:5])
    app.save_pretrained(tmp_path / "folder")
    app.save(tmp_path / "app.keras")
    for path in ("folder", "app.keras"):
        loaded = ImageClassifier.from_pretrained(tmp_path / path)
        assert loaded.model.dtype_policy.name == "mixed_bfloat16"
        np.testing.assert_array_equal(loaded.predict(clothes[0][:5]), expected)
    wide = ImageClassifier.from_pretrained(tmp_path / "folder", precision="float32")
    np.testing.assert_array_equal(wide.predict(clothes[0][:5]), tiny().predict(clothes[0][:5]))
    app.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served")).signatures["pixels"]
    np.testing.assert_allclose(served(tf.constant(clothes[0][:5]))["probabilities"], expected, atol=1e-5)


def test_classify_sorts_and_limits(tiny, clothes):
    app = tiny()
    scores = app.predict(clothes[0][:2])
    best = app.classify(clothes[0][:2])
    assert best[1] == {"label": app.labels[scores[1].argmax()], "score": pytest.approx(scores[1].max())}
    top = app.classify(clothes[0][:2], top_k=3)
    assert [len(row) for row in top] == [3, 3]
    assert top[0][0] == best[0]
    assert top[0][0]["score"] >= top[0][1]["score"] >= top[0][2]["score"]


def test_report_agrees_with_evaluate(tiny, clothes):
    app = tiny()
    report = app.report(*clothes)
    assert report.accuracy == pytest.approx(app.evaluate(*clothes, return_dict=True, verbose=0)["accuracy"])
    assert report.confusion.sum() == 500


SERVE = """
import json, sys
sys.modules["zoo"] = None
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
pixels = np.load(sys.argv[2])
encoded = [tf.io.encode_png(p).numpy() for p in pixels]
for name, raw in (("pixels", pixels), ("serving_default", encoded)):
    signature = model.signatures[name]
    out = {key: value.numpy() for key, value in signature(tf.constant(raw)).items()}
    out["label"] = out["label"].astype("S")
    np.savez(f"{sys.argv[2]}.{name}.npz", **out)
    print(name, list(signature.structured_input_signature[1]), sorted(out))
"""


@pytest.mark.slow
def test_savedmodel_equals_predict_where_zoo_cannot_be_imported(tiny, clothes, tmp_path):
    app = tiny()
    app.export(tmp_path / "served")
    for name, pixels in (("same", clothes[0][:5]), ("larger", np.repeat(clothes[0][:3], 2, axis=2))):
        file = tmp_path / f"{name}.npy"
        np.save(file, pixels)
        done = subprocess.run(
            [sys.executable, "-c", SERVE, tmp_path / "served", file],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "pixels ['pixels'] ['label', 'probabilities', 'score']",
            "serving_default ['images'] ['label', 'probabilities', 'score']",
        ]
        expected = app.predict(pixels)
        for signature in ("pixels", "serving_default"):
            out = np.load(f"{file}.{signature}.npz")
            np.testing.assert_allclose(out["probabilities"], expected, atol=1e-5)
            np.testing.assert_allclose(out["score"], expected.max(axis=1), atol=1e-5)
            assert [label.decode() for label in out["label"]] == [
                app.labels[i] for i in expected.argmax(axis=1)
            ]


def test_export_replaces_a_savedmodel_but_nothing_else(tiny, tmp_path):
    app = tiny()
    app.export(tmp_path / "1")
    app.export(tmp_path / "1")
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match="folder: expected a new or empty folder"):
        app.export(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"
