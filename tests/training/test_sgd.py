import keras
import numpy as np
import pytest
import tensorflow as tf
from battery import assert_close

from zoo.training.sgd import SGD


def run(cls, steps=4, graph=False, dtype="float32", **options):
    """A small embedding network after some steps; gradients of the embedding are sparse."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Embedding(7, 3), keras.layers.Dense(4), keras.layers.LayerNormalization()]
    model = keras.Sequential([keras.layers.InputLayer((2,), dtype="int32"), *layers])
    if dtype != "float32":
        model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, dtype=dtype)])
    inputs = np.ones((2, 3), "float32") if dtype != "float32" else np.array([[1, 2], [2, 5]])
    optimizer = cls(keras.optimizers.schedules.PolynomialDecay(0.1, 10), **options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.cast(model(inputs), "float32") ** 3)
        optimizer.apply(
            tape.gradient(loss, [v.value for v in model.trainable_variables]), model.trainable_variables
        )

    step = tf.function(step) if graph else step
    optimizer.build(model.trainable_variables)
    for _ in range(steps):
        step()
    return model, optimizer


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
