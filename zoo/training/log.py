"""A log of training as JSON lines, one every few seconds; `zoo.training.report` draws it."""

import json
import pathlib
import resource
import sys
import time

import keras


class TrainingLog(keras.callbacks.Callback):
    """Appends lines to a file: what happened up to a step, and after each epoch the validation.

    A step's line: step (updates of the weights), epoch, the running loss and metrics, learning_rate,
    gradient_norm (before clipping; TensorFlow), examples_per_s, tokens_per_s, memory_mb (the most so far);
    where the numbers for it are given, mfu: the share of the machine's arithmetic that the model's own uses.

    Args:
        path: of the file; a run that goes on appends to it.
        every_seconds: between lines.
        batch_size: examples in a step.
        tokens: in an example, for tokens_per_s.
        flops: of forward and backward, for one example; see `training_flops`.
        peak_flops: of all devices, a second.
        writes: False on all processes but the chief.

    Example:
        >>> TrainingLog("run/log.jsonl", batch_size=32).every_seconds
        10
    """

    def __init__(
        self, path, every_seconds=10, batch_size=None, tokens=None, flops=None, peak_flops=None, writes=True
    ):
        super().__init__()
        self.path = pathlib.Path(path)
        self.every_seconds = every_seconds
        self.batch_size = batch_size
        self.tokens = tokens
        self.flops = flops
        self.peak_flops = peak_flops
        self.writes = writes
        if flops and peak_flops:
            print(f"mfu: of {peak_flops / 1e9:,.0f} GFLOP/s, {flops / 1e6:,.1f} MFLOP an example", flush=True)

    def on_train_begin(self, logs=None):
        self._epoch = 0
        self._start()
        if keras.backend.backend() == "tensorflow" and getattr(self.model, "gradient_norm", 0) is None:
            import tensorflow as tf

            with self.model.scope():
                norm = tf.Variable(
                    0.0, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
                )
            object.__setattr__(self.model, "gradient_norm", norm)  # no part of what is saved or exported
            self.model.make_train_function(force=True)

    def on_train_end(self, logs=None):
        if "gradient_norm" in self.model.__dict__:
            object.__delattr__(self.model, "gradient_norm")

    def _start(self):
        self._since, self._steps = time.perf_counter(), 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._start()

    def on_train_batch_end(self, batch, logs=None):
        if self.model.skipping:
            self._start()
            return
        self._steps += self.model.steps_per_execution
        seconds = time.perf_counter() - self._since
        if seconds < self.every_seconds:
            return
        self._write(self._line(logs, seconds))
        self._start()

    def on_epoch_end(self, epoch, logs=None):
        line = self._line(logs, time.perf_counter() - self._since) if self._steps else {}
        speed = ("examples_per_s", "tokens_per_s", "mfu")  # validation is in this time
        self._write(
            {**{k: v for k, v in line.items() if k not in speed}, **_floats(logs), "epoch_end": epoch + 1}
        )

    def _line(self, logs, seconds):
        line = {"step": self.model.updates, "epoch": self._epoch, **_floats(logs)}
        line["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        norm = getattr(self.model, "gradient_norm", None)
        if norm is not None:
            line["gradient_norm"] = float(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(norm)))
        if self.batch_size:
            speed = self._steps * self.batch_size / seconds
            line["examples_per_s"] = round(speed, 2)
            if self.tokens:
                line["tokens_per_s"] = round(speed * self.tokens, 1)
            if self.flops and self.peak_flops:
                line["mfu"] = round(speed * self.flops / self.peak_flops, 4)
        line["memory_mb"] = round(peak_memory() / 2**20)
        return line

    def _write(self, line):
        if not self.writes:
            return
        with self.path.open("a") as file:
            file.write(json.dumps({"time": round(time.time(), 3), **line}) + "\n")


def _floats(logs):
    return {name: float(keras.ops.convert_to_numpy(value)) for name, value in (logs or {}).items()}


def peak_memory():
    """Bytes that this process has held at most, on its GPU where it has one."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_logical_devices("GPU")
        if gpus:
            return sum(tf.config.experimental.get_memory_info(gpu.name[-5:])["peak"] for gpu in gpus)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def training_flops(model, spec):
    """Floating point operations of forward and backward for one example: three times the forward's.

    Args:
        model: a built model, TensorFlow backend.
        spec: `tf.TensorSpec`s of its inputs with a batch axis first and no other unknown size.

    Example:
        >>> import tensorflow as tf
        >>> dense = keras.Sequential([keras.Input((100,)), keras.layers.Dense(10, use_bias=False)])
        >>> training_flops(dense, tf.TensorSpec((None, 100)))
        6000
    """
    import tensorflow as tf

    one = tf.nest.map_structure(lambda s: tf.TensorSpec((1, *s.shape[1:]), s.dtype), spec)
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(one).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    return 3 * tf.compat.v1.profiler.profile(graph, options=options).total_float_ops
