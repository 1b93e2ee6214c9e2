"""Which devices train, by name or by what is there; `choose` prints what it took and why.

    with zoo.training.strategy.choose("auto").scope():
        app = ImageClassifier.from_pretrained("resnet20.fashion_mnist")
    app.fit(images, labels)                                              # as on one device

TensorFlow: "one" (no strategy, XLA stays on), "mirrored" (the devices of this machine), "multi_worker" (the
machines of TF_CONFIG), "tpu" (never run by this project's tests). JAX: "one", "data_parallel",
"model_parallel" (the transformer blocks of `zoo.layers` cut over all devices).
"""

import contextlib
import os

import keras

from zoo.training import cluster as clusters

NAMES = {
    "tensorflow": ("auto", "one", "mirrored", "multi_worker", "tpu"),
    "jax": ("auto", "one", "data_parallel", "model_parallel"),
}

# Variables of `zoo.layers.TransformerBlock` by path: heads and hidden units are cut over the devices: a
# block needs two sums over devices (arXiv:1909.08053).
TRANSFORMER_LAYOUT = {
    r".*qkv/kernel": (None, "model"),
    r".*qkv/bias": ("model",),
    r".*attention/out/kernel": ("model", None),
    r".*mlp_in/kernel": (None, "model"),
    r".*mlp_in/bias": ("model",),
    r".*mlp_out/kernel": ("model", None),
}

_made = {}  # TensorFlow's strategies number their collective operations alike: one of a kind a process


class Strategy:
    """The devices of a run.

    Attributes:
        name: as `choose` takes it, never "auto".
        reason: one line: what was chosen and why.
        replicas: devices that share a batch.
        is_chief: whether this process is the one that writes files.
    """

    def __init__(self, name, reason, made=None, replicas=1, is_chief=True):
        self.name = name
        self.reason = reason
        self.replicas = replicas
        self.is_chief = is_chief
        self._made = made

    def scope(self):
        """The context in which to make the application."""
        return contextlib.nullcontext() if self._made is None else self._made.scope()

    def check_batch(self, batch_size):
        """Raises a ValueError for a batch that these devices cannot share."""
        static = self.name in ("tpu", "data_parallel", "model_parallel")
        if static and batch_size % self.replicas:
            raise ValueError(
                f"batch_size: expected a multiple of the {self.replicas} devices of {self.name!r}, found "
                f"{batch_size}"
            )
        if batch_size < self.replicas:
            raise ValueError(
                f"batch_size: expected at least one example for each of {self.replicas} devices, found "
                f"{batch_size}"
            )


def choose(name="auto", devices=None, timeout=300, quiet=False):
    """The strategy of that name.

    Args:
        name: see the head of this file; "auto" takes all devices there are.
        devices: for "mirrored", "data_parallel" and "model_parallel": names such as ["GPU:0", "GPU:1"].
        timeout: seconds that "multi_worker" waits for the other workers.
        quiet: print nothing.

    Raises: ValueError for a name that the running backend does not have, a wrong TF_CONFIG or a taken port;
    TimeoutError where a worker never comes.

    Example:
        >>> choose("one", quiet=True).replicas
        1
    """
    backend = keras.backend.backend()
    names = NAMES.get(backend, ("auto", "one"))
    if name not in names:
        raise ValueError(f"strategy: expected one of {names} on the {backend} backend, found {name!r}")
    if backend == "tensorflow" and keras.distribution.distribution() is not None:
        from zoo.training.replicas_tensorflow import refuse_keras_distribution

        refuse_keras_distribution()
    make = {"tensorflow": _on_tensorflow, "jax": _on_jax}.get(backend, _on_one)
    key = (name, tuple(devices or ()))
    if key not in _made:
        _made[key] = make(name, devices, timeout)
    if backend == "jax":  # `fit` asks for it outside of the scope
        keras.distribution.set_distribution(_made[key]._made)
    if not quiet:
        print(f"strategy: {_made[key].name}, {_made[key].reason}", flush=True)
    return _made[key]


def auto(**arguments):
    """`choose("auto")`: all devices there are."""
    return choose("auto", **arguments)


def _on_one(name, devices, timeout):
    return Strategy("one", "one device, no strategy")


def _on_tensorflow(name, devices, timeout):
    import tensorflow as tf

    cluster = clusters.from_environment()
    gpus = tf.config.list_physical_devices(
        "GPU"
    )  # logical ones would start TensorFlow, too early for workers
    if name == "auto":
        if cluster is not None:
            name = "multi_worker"
        elif tf.config.list_physical_devices("TPU") or os.environ.get("TPU_NAME"):
            name = "tpu"
        else:
            name = "mirrored" if len(gpus) > 1 else "one"
    if name == "multi_worker":
        if cluster is None:
            raise ValueError(
                f"strategy: expected TF_CONFIG with at least two workers for 'multi_worker', such as "
                f"{clusters.EXAMPLE}, found {os.environ.get('TF_CONFIG')!r}"
            )
        cluster.wait(timeout)
        made = tf.distribute.MultiWorkerMirroredStrategy()
        where = f"{len(cluster.workers)} workers of TF_CONFIG, this is number {cluster.index}"
        return _tensorflow_strategy(name, where, made, cluster.is_chief)
    if name == "tpu":
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=os.environ.get("TPU_NAME", "local"))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        made = tf.distribute.TPUStrategy(resolver)
        return _tensorflow_strategy(name, "the TPU that the environment names", made)
    if name == "mirrored":
        found = tf.config.list_logical_devices("GPU" if gpus else "CPU")
        devices = devices or [device.name for device in found]
        made = tf.distribute.MirroredStrategy(devices)
        return _tensorflow_strategy(name, "the devices of this machine", made)
    device = gpus[0].name if gpus else "the CPU"
    return Strategy("one", f"{device} is the only device, so no strategy: XLA stays available")


def _tensorflow_strategy(name, where, made, is_chief=True):
    count = made.num_replicas_in_sync
    return Strategy(name, f"{count} devices share each batch: {where}", made, count, is_chief)


def _on_jax(name, devices, timeout):
    import jax

    devices = devices or keras.distribution.list_devices()
    if name == "auto":
        name = "data_parallel" if len(devices) > 1 else "one"
    if name == "one":
        return Strategy("one", f"{devices[0]} alone")
    chief = jax.process_index() == 0
    if name == "data_parallel":
        made = keras.distribution.DataParallel(devices=devices)
        reason = f"each batch is shared by {len(devices)} devices"
    else:
        mesh = keras.distribution.DeviceMesh((1, len(devices)), ("batch", "model"), devices)
        layout = keras.distribution.LayoutMap(mesh)
        for path, axes in TRANSFORMER_LAYOUT.items():
            layout[path] = axes
        made = keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")
        reason = f"the kernels of transformer blocks are cut over {len(devices)} devices"
    return Strategy(name, reason, made, 1 if name == "model_parallel" else len(devices), chief)
