import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend import get_keras_mask, set_keras_mask

from zoo.training.epoch_data import EpochData, EpochNumber
from zoo.training.log import TrainingLog
from zoo.training.loss_count import loss_count, split
from zoo.training.replicas_tensorflow import answer_rows
from zoo.training.report import read_log, report, series
from zoo.training.train_step import TrainStep


class Model(TrainStep, keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(8, activation="relu")
        self.head = keras.layers.Dense(3)
        self.hidden.build((None, 5))
        self.head.build((None, 8))
        self.built = True

    def call(self, x, training=None):
        return self.head(self.hidden(x))


def trained(accumulate=1, rows=29, weights=None, reduction="sum_over_batch_size", norm=False, **optimizer):
    keras.utils.set_random_seed(3)
    model = Model()
    model.accumulate = accumulate
    if norm:
        model.gradient_norm = tf.Variable(0.0, trainable=False)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9, **optimizer), loss, metrics=["accuracy"])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(rows, 5)).astype("float32"), rng.integers(0, 3, rows)
    data = tf.data.Dataset.from_tensor_slices((x, y) if weights is None else (x, y, weights[:rows])).batch(8)
    history = model.fit(data, epochs=2, verbose=0, shuffle=False).history
    return model, history


def assert_same(one, other):
    for actual, expected in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert one[1]["accuracy"] == pytest.approx(other[1]["accuracy"])
    assert one[1]["loss"] == pytest.approx(other[1]["loss"], rel=1e-6)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
def test_micro_batches_add_up_to_the_whole_batch(reduction):
    weights = np.linspace(0, 2, 29, dtype="float32") ** 2
    assert_same(
        trained(3, weights=weights, reduction=reduction), trained(weights=weights, reduction=reduction)
    )


def test_more_micro_batches_than_examples():
    assert_same(trained(4, rows=17), trained(rows=17))  # the last batch has one example


def test_own_step_equals_keras_own():
    assert_same(trained(norm=True), trained())


def test_the_step_of_a_built_model_is_traced_once():
    traced = []

    class Counting(Model):
        def train_step(self, data):
            traced.append(data)
            return super().train_step(data)

    model = Counting()
    model.compile(
        keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=None
    )
    model.fit(np.ones((16, 5), "float32"), np.zeros(16), batch_size=8, verbose=0)
    assert len(traced) == 1


def test_clipping_is_by_the_norm_of_the_whole_batch():
    assert_same(trained(2, global_clipnorm=0.05), trained(global_clipnorm=0.05))


def test_loss_counts_of_several_kinds_of_losses_are_refused():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", [keras.losses.MeanSquaredError(reduction="sum"), keras.losses.MeanSquaredError()])
    compiled = model._compile_loss
    compiled.build(tf.zeros((2, 1)), tf.zeros((2, 1)))
    with pytest.raises(ValueError, match="loss: expected one loss"):
        loss_count(compiled, tf.zeros((2, 2)), tf.zeros((2, 1)), None)


def test_parts_of_a_batch_keep_their_order():
    parts = split(({"a": tf.range(5)}, tf.range(5), None), 2)
    assert [part[0]["a"].numpy().tolist() for part in parts] == [[0, 1], [2, 3, 4]]
    assert parts[0][2] is None


def test_machines_take_rows_of_each_batch_where_a_run_goes_on_too(monkeypatch):
    """Left to choose TensorFlow gives each machine every second file of data that comes from files."""
    x, y = np.ones((6, 5), "float32"), np.arange(6) % 3
    data, seen, model = tf.data.Dataset.from_tensor_slices((x, y)).batch(2), [], Model()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    epochs = model._epoch_data = EpochData(lambda: data)
    monkeypatch.setattr(
        type(tf.distribute.get_strategy()),
        "experimental_distribute_dataset",
        lambda self, data, options=None: seen.append(data) or data,
    )
    model.fit(data, epochs=2, verbose=0, shuffle=False, callbacks=[EpochNumber(epochs)])
    policies = [data.options().experimental_distribute.auto_shard_policy for data in seen[-2:]]
    assert policies == [tf.data.experimental.AutoShardPolicy.DATA] * 2
    assert model.updates == 6


def test_an_empty_share_of_a_batch_reaches_the_network_as_one_row():
    seen = []

    def network(x):
        seen.append(int(tf.shape(x["a"])[0]))
        y = 2 * x["a"]
        set_keras_mask(y, x["a"] > 0)
        return y

    for rows in (0, 1, 3):
        y = answer_rows(network, {"a": tf.ones((rows, 2)), "b": None})
        assert y.shape == get_keras_mask(y).shape == (rows, 2)
    assert seen == [1, 1, 3]


def test_log_holds_one_line_a_step_and_is_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    model = Model()
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.length_unit, model.lengths = "tokens", lambda x: tf.reduce_sum(x, 1)
    log = TrainingLog(tmp_path / "log.jsonl", every_seconds=0, batch_size=8, flops=1e3, peak_flops=1e9)
    x, y = np.ones((24, 5), "float32"), np.arange(24) % 3
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, validation_data=(x, y), callbacks=[log])
    assert model.gradient_norm is None
    assert "mfu: the share of 1 GFLOP/s, at 0.0 MFLOP a token" in capsys.readouterr().out
    first, *rows = read_log(tmp_path)
    assert (first["flops"], first["flops_of"], first["peak_flops"]) == (1e3, "token", 1e9)
    assert [row["step"] for row in rows if "epoch_end" not in row] == [1, 2, 3, 4, 5, 6]
    assert {
        "loss",
        "learning_rate",
        "gradient_norm",
        "examples_per_s",
        "tokens_per_s",
        "mfu",
        "memory_mb",
    } <= set(rows[0])
    assert rows[0]["gradient_norm"] > 0
    assert rows[0]["tokens_per_s"] == pytest.approx(5 * rows[0]["examples_per_s"], rel=0.01)
    assert rows[0]["mfu"] == pytest.approx(rows[0]["tokens_per_s"] * 1e3 / 1e9, abs=1e-4)
    assert rows[0]["loss"] == pytest.approx(rows[1]["loss"], abs=0.5)
    names = {path.stem for path in report(tmp_path)}
    assert {"loss", "learning_rate", "gradient_norm", "speed", "mfu", "memory"} <= names
    with (tmp_path / "log.jsonl").open("a") as file:  # killed in a line, resumed from step 2
        file.write('{"step": 7, "lo\n' + json.dumps({"step": 2, "loss": 9.0}) + "\n")
    assert series(read_log(tmp_path), "loss")[0][-2:] == [1, 2]


def test_a_folder_without_a_log_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"folder: expected a run with a log\.jsonl"):
        read_log(tmp_path)
