"""Batches on the devices of `keras.distribution`, whatever their size."""

import jax
import keras
import numpy as np

from zoo.training.loss_count import batch_size


def on_devices(batch):
    """A batch of arrays [B, ...], None among them, as JAX arrays on the devices of the run.

    Each device takes a share of the rows. Rows that cannot be shared evenly (the odd last batch) go whole to
    every device: the same numbers, at the cost of one device's step. Several processes hold different rows,
    which must be shared: JAX then raises a ValueError.
    """
    batch = keras.tree.map_structure(lambda v: None if v is None else np.asarray(v), batch)
    distribution = keras.distribution.distribution()
    if distribution is None:
        return keras.tree.map_structure(lambda v: None if v is None else jax.device_put(v), batch)
    mesh = distribution.device_mesh
    shares = dict(zip(mesh.axis_names, mesh.shape, strict=True))[distribution.batch_dim_name]
    rows, processes = batch_size(batch), jax.process_count()
    axis = distribution.batch_dim_name if processes > 1 or rows % shares == 0 else None

    def place(values):
        if values is None:
            return None
        axes = [axis, *[None] * (values.ndim - 1)]
        layout = keras.distribution.TensorLayout(axes, mesh).backend_layout
        return jax.make_array_from_process_local_data(layout, values)

    return keras.tree.map_structure(place, batch)


def iterate(data):
    """Batches of `data`, an iterable of them, on the devices."""
    return map(on_devices, iter(data))
