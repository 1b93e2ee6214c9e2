"""A few steps of an optimizer on a small network, for comparisons with Keras' own."""

import keras
import numpy as np
import tensorflow as tf


def run(cls, steps=4, graph=False, dtype="float32", **options):
    """(model, optimizer) after some steps; gradients of its embedding are sparse."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Embedding(7, 3, dtype=dtype), keras.layers.Dense(4, dtype=dtype)]
    model = keras.Sequential([*layers, keras.layers.LayerNormalization(dtype=dtype)])
    ids = np.array([[1, 2], [2, 5]])
    model(ids)
    optimizer = cls(keras.optimizers.schedules.PolynomialDecay(0.1, 10), **options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.cast(model(ids), "float32") ** 3)
        optimizer.apply(
            tape.gradient(loss, [v.value for v in model.trainable_variables]), model.trainable_variables
        )

    step = tf.function(step) if graph else step
    optimizer.build(model.trainable_variables)
    for _ in range(steps):
        step()
    return model, optimizer
