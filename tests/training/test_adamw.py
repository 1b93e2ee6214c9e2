import keras
import numpy as np
import pytest
import tensorflow as tf
from battery import assert_close
from optimizer_run import run

from zoo.training.adamw import AdamW


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize(
    "options",
    [{"weight_decay": 0.1}, {"weight_decay": 0.0, "epsilon": 1e-3, "beta_1": 0.5}, {"global_clipnorm": 0.1},
     {"weight_decay": 0.2, "use_ema": True}, {"amsgrad": True}],
    ids=str,
)  # fmt: skip
def test_equals_keras_adamw(options, graph):
    (ours, mine), (theirs, other) = (
        run(cls, graph=graph, **options) for cls in (AdamW, keras.optimizers.AdamW)
    )
    for actual, expected in zip(ours.variables, theirs.variables, strict=True):
        assert_close(actual, expected, atol=1e-5)
    for actual, expected in zip(mine.variables, other.variables, strict=True):
        assert_close(actual, expected, atol=1e-5)
    assert int(mine.iterations) == 4


def test_the_kernel_runs_where_it_should():
    assert run(AdamW)[1]._kernels
    assert not run(AdamW, amsgrad=True)[1]._kernels


@pytest.mark.parametrize("options", [{}, {"amsgrad": True}], ids=str)
def test_a_layer_with_a_rate_learns_as_with_that_learning_rate(options):
    def trained(rate, **more):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Dense(2, name="low"), keras.layers.Dense(2, name="high")])
        model.build((None, 3))
        optimizer = AdamW(rate, weight_decay=0.1, **options, **more)
        for step in range(3):
            gradients = [np.full(v.shape, 1.0 + step, "float32") for v in model.trainable_variables]
            optimizer.apply(gradients, model.trainable_variables)
        return model, optimizer

    model, optimizer = trained(0.1, layer_rates={"low": 0.25})
    for layer, rate in (("low", 0.025), ("high", 0.1)):
        alone, _ = trained(rate)
        for mine, theirs in zip(
            model.get_layer(layer).variables, alone.get_layer(layer).variables, strict=True
        ):
            assert_close(mine, theirs, atol=1e-6)
    assert AdamW.from_config(optimizer.get_config()).layer_rates == {"low": 0.25}


def test_state_survives_a_saved_model(tmp_path):
    model, optimizer = run(AdamW)
    model.compile(optimizer, "mse")
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.optimizer) is AdamW
    for actual, expected in zip(loaded.optimizer.variables, optimizer.variables, strict=True):
        assert_close(actual, expected)


def test_state_goes_through_a_tensorflow_checkpoint(tmp_path):
    _, optimizer = run(AdamW)
    path = tf.train.Checkpoint(optimizer=optimizer).save(str(tmp_path / "state"))
    _, other = run(AdamW, steps=1)
    tf.train.Checkpoint(optimizer=other).restore(path)
    for actual, expected in zip(other.variables, optimizer.variables, strict=True):
        assert_close(actual, expected)
