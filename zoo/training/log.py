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
    gradient_norm (before clipping; TensorFlow), examples_per_s, memory_mb (the most so far); where the model
    counts them, tokens_per_s without padding (of sound frames_per_s); where the numbers for it are given,
    mfu: the share of the machine's arithmetic that the model's own uses. The first line of a run holds those
    numbers: flops and peak_flops.

    Args:
        path: of the file; a run that goes on appends to it.
        every_seconds: between lines.
        batch_size: examples in a step.
        flops: of forward and backward, for one example or, where the model counts them, for one token; see
            `training_flops`.
        peak_flops: of all devices, a second, such as `product_speed`; printed.
        writes: False on all processes but the chief.

    Example:
        >>> TrainingLog("run/log.jsonl", batch_size=32).every_seconds
        10
    """

    def __init__(self, path, every_seconds=10, batch_size=None, flops=None, peak_flops=None, writes=True):
        super().__init__()
        self.path = pathlib.Path(path)
        self.every_seconds = every_seconds
        self.batch_size = batch_size
        self.flops = flops
        self.peak_flops = peak_flops
        self.writes = writes

    def on_train_begin(self, logs=None):
        self._epoch = 0
        self._unit = getattr(self.model, "length_unit", None)
        if keras.backend.backend() == "tensorflow" and getattr(self.model, "gradient_norm", 0) is None:
            self._add_variable("gradient_norm")
            if self._unit:
                self._add_variable("lengths_seen")
            self.model.make_train_function(force=True)
        self._start()
        if self.flops and self.peak_flops:
            unit = self._unit.removesuffix("s") if self._unit else "example"
            print(
                f"mfu: the share of {self.peak_flops / 1e9:,.0f} GFLOP/s, at {self.flops / 1e6:,.1f} MFLOP "
                f"{'an' if unit == 'example' else 'a'} {unit}",
                flush=True,
            )
            self._write({"flops": self.flops, "flops_of": unit, "peak_flops": round(self.peak_flops)})

    def _add_variable(self, name):
        """Gives the model what its step writes to, as no part of what is saved or exported."""
        import tensorflow as tf

        with self.model.scope():
            variable = tf.Variable(
                0.0, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
            )
        object.__setattr__(self.model, name, variable)

    def on_train_end(self, logs=None):
        for name in ("gradient_norm", "lengths_seen"):
            if name in self.model.__dict__:
                object.__delattr__(self.model, name)

    def _start(self):
        self._since, self._steps = time.perf_counter(), 0
        if "lengths_seen" in self.model.__dict__:
            self.model.lengths_seen.assign(0.0)

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
        speed = ("examples_per_s", f"{self._unit}_per_s", "mfu")  # validation is in this time
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
            if "lengths_seen" in self.model.__dict__:
                speed = float(keras.ops.convert_to_tensor(self.model.lengths_seen)) / seconds
                line[f"{self._unit}_per_s"] = round(speed, 1)
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
