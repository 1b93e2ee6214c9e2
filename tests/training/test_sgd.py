import keras
import numpy as np
import pytest
import tensorflow as tf
from battery import assert_close
from optimizer_run import run

from zoo.training.sgd import SGD


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize(
    "options",
    [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"momentum": 0.0},
     {"momentum": 0.5, "weight_decay": 0.1},
     {"momentum": 0.9, "nesterov": True, "use_ema": True, "global_clipnorm": 0.1},
     {"momentum": 0.9, "gradient_accumulation_steps": 2}, {"momentum": 0.9, "dtype": "bfloat16"}],
    ids=str,
)  # fmt: skip
def test_equals_keras_sgd(options, graph):
    (ours, mine), (theirs, other) = (run(cls, graph=graph, **options) for cls in (SGD, keras.optimizers.SGD))
    atol = 1e-2 if "dtype" in options else 1e-6
    for actual, expected in zip(ours.variables, theirs.variables, strict=True):
        assert_close(actual, expected, atol=atol)
    for actual, expected in zip(mine.variables, other.variables, strict=True):
        assert_close(actual, expected, atol=atol)


def test_the_kernel_runs_where_it_should():
    def kernels(**options):
        optimizer = SGD(0.1, **options)
        variable = keras.Variable(np.ones((2, 3), "float32"))
        optimizer.build([variable])

        @tf.function
        def step():
            optimizer.apply([tf.ones((2, 3))], [variable])

        return [op.type for op in step.get_concrete_function().graph.get_operations()].count(
            "ResourceApplyKerasMomentum"
        )

    assert kernels(momentum=0.9) == 1
    assert kernels() == 0


def test_state_survives_a_saved_model(tmp_path):
    model, optimizer = run(SGD, momentum=0.9, nesterov=True)
    model.compile(optimizer, "mse")
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.optimizer) is SGD
    assert loaded.optimizer.nesterov
    for actual, expected in zip(loaded.optimizer.variables, optimizer.variables, strict=True):
        assert_close(actual, expected)


def test_state_goes_on_from_keras_sgd(tmp_path):
    """A TensorFlow checkpoint of either is one of the other."""
    _, optimizer = run(keras.optimizers.SGD, momentum=0.9)
    path = tf.train.Checkpoint(optimizer=optimizer).save(str(tmp_path / "state"))
    _, other = run(SGD, steps=1, momentum=0.9)
    tf.train.Checkpoint(optimizer=other).restore(path)
    for actual, expected in zip(other.variables, optimizer.variables, strict=True):
        assert_close(actual, expected)
