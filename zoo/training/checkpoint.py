"""Checkpoints from which a killed run goes on as if nothing had happened.

One file holds the model, the optimizer with its EMA and loss scale, the random streams, the running metrics,
the place in the data and what callbacks such as `keras.callbacks.EarlyStopping` remember. It is written
beside its name and renamed; the last few and the best stay.

A process that gets SIGTERM (pre-emption) writes a checkpoint after its step and ends with exit code 75, which
says: start me again with the same command. Of several machines any may get it: the chief, who writes, ends
first, and the others after it, since a machine that is gone fails the step that the rest are in.
"""

import contextlib
import dataclasses
import json
import pathlib
import re
import shutil
import signal
import threading
import time

import keras
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from zoo.files import atomic_path, make_folder
from zoo.training.callback_memory import memory, recall

EXIT_PREEMPTED = 75  # EX_TEMPFAIL of sysexits.h: try again


@dataclasses.dataclass(frozen=True)
class Position:
    """Where a run stands.

    Args:
        epoch, step: epochs that are over and batches of the next one that are.
        updates: of the weights, which float16 may have skipped some of.
        schedule_start: updates before the learning rate's schedule began.
        stopped: whether a callback has ended the training there.

    Example:
        >>> Position(epoch=2, step=17).epoch
        2
    """

    epoch: int = 0
    step: int = 0
    updates: int = 0
    schedule_start: int = 0
    stopped: bool = False


class Checkpoints(keras.callbacks.Callback):
    """Writes checkpoints during `Application.fit(checkpoints=...)` and goes on from the newest.

    Args:
        folder: of the files.
        every_seconds, every_steps: how often, besides after every epoch; every_steps None: by time only.
        keep: newest files that stay.
        best: a metric such as "val_accuracy": the checkpoint of the best epoch stays as `best.safetensors`.
        mode: "max" or "min" of `best`.
        writes: False on all processes but the chief, which read only.

    Attributes:
        others: callbacks whose memory is kept, too; `Application.fit` sets it.

    Example:
        >>> Checkpoints("run/checkpoints", every_seconds=60, best="val_accuracy").keep
        2
    """

    def __init__(
        self, folder, every_seconds=300, every_steps=None, keep=2, best=None, mode="max", writes=True
    ):
        super().__init__()
        if mode not in ("max", "min"):
            raise ValueError(f"mode: expected 'max' or 'min', found {mode!r}")
        if keep < 1:
            raise ValueError(f"keep: expected at least 1, found {keep}")
        self.folder = pathlib.Path(folder)
        self.every_seconds = every_seconds
        self.every_steps = every_steps
        self.keep = keep
        self.best = best
        self.mode = mode
        self.writes = writes
        self.others = ()
        self._memories = None
        self._best_value = None
        self._epoch = 0
        self._metrics = None
        self._terminated = threading.Event()
        self._wish = self.folder / ".end"  # of a machine that is told to end, for the chief to see

    def newest(self):
        """(path, position) of the newest whole checkpoint, or (None, Position()).

        A damaged file is passed over with a line that says so. Raises a ValueError where all are damaged.
        """
        paths = sorted(self.folder.glob("checkpoint-*.safetensors"), reverse=True)
        for path in paths:
            try:
                with safe_open(path, framework="np") as file:
                    state = json.loads(file.metadata()["zoo"])
            except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
                print(f"checkpoint: {path} is damaged and passed over ({error})", flush=True)
                continue
            self._best_value = state["best"]
            return path, Position(**state["position"])
        if paths:
            raise ValueError(
                f"checkpoints: expected a whole file among {[p.name for p in paths]}, found all damaged; "
                f"move {str(self.folder)!r} away to start anew"
            )
        return None, Position()

    def restore(self, model, path):
        """Reads `path` into a compiled and built model.

        The running metrics follow once its epoch has begun; between two epochs they start from nothing.

        Raises: ValueError where the file belongs to another model, before anything is changed.
        """
        with safe_open(path, framework="np") as file:
            parts = _parts(model)
            names = set(file.keys())
            for part, variables in parts.items():
                theirs = sorted(name for name in names if name.startswith(part + "/"))
                ours = [_key(part, i, v) for i, v in enumerate(variables)]
                if part != "metrics" and theirs != ours:
                    other = sorted(set(theirs) ^ set(ours))[0]
                    raise ValueError(
                        f"checkpoints: expected {len(ours)} variables of {part} in {path}, found "
                        f"{len(theirs)}; the first that differs is {other!r}. It is of another model, "
                        "optimizer or recipe"
                    )
                for name, variable in zip(ours, variables, strict=True):
                    shape = (
                        tuple(file.get_slice(name).get_shape()) if name in names else tuple(variable.shape)
                    )
                    if shape != tuple(variable.shape):
                        raise ValueError(
                            f"checkpoints: expected shape {tuple(variable.shape)} for {variable.path} in "
                            f"{path}, found {shape}: it is of another model"
                        )
            for part in ("model", "optimizer"):
                for i, variable in enumerate(parts[part]):
                    variable.assign(file.get_tensor(_key(part, i, variable)))
            state = json.loads(file.metadata()["zoo"])
            between_epochs = state["position"]["step"] == 0
            running = [] if between_epochs else [name for name in names if name.startswith("metrics/")]
            self._metrics = {name: file.get_tensor(name) for name in running}
            numbers = state.get("callbacks", {})
            arrays = {name: file.get_tensor(name) for name in names if name.startswith("callbacks/")}
            self._memories = (numbers, arrays)

    def save(self, position, best=False):
        """Writes a checkpoint of the model; with `best` also as the best one."""
        if not self.writes:
            return None
        if keras.backend.backend() == "jax":  # the state of a running epoch is beside the variables
            self.model.jax_state_sync()
        make_folder(self.folder, "checkpoints")
        arrays = {
            _key(part, i, v): _array(v)
            for part, variables in _parts(self.model).items()
            for i, v in enumerate(variables)
        }
        numbers, more = memory(self.others)
        arrays |= more
        state = {"position": dataclasses.asdict(position), "best": self._best_value, "callbacks": numbers}
        path = self.folder / f"checkpoint-{position.epoch:06d}-{position.step:09d}.safetensors"
        with atomic_path(path) as partial:
            save_file(arrays, partial, metadata={"zoo": json.dumps(state)})
        if best:
            with atomic_path(self.folder / "best.safetensors") as partial:
                shutil.copyfile(path, partial)
        for old in sorted(self.folder.glob("checkpoint-*.safetensors"))[: -self.keep]:
            old.unlink(missing_ok=True)
        for left in self.folder.glob(".*.tmp.safetensors"):  # of a killed process
            left.unlink(missing_ok=True)
        self._saved_at = time.monotonic()
        return path

    @contextlib.contextmanager
    def listening(self):
        """While it lasts SIGTERM waits for the end of the step, that of the chief in all processes."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, self._on_sigterm)
        try:
            yield
        except Exception as error:
            if self._terminated.is_set() and self._waits:  # the chief has ended
                raise SystemExit(EXIT_PREEMPTED) from error
            raise
        finally:
            signal.signal(signal.SIGTERM, before)

    def _on_sigterm(self, *_):
        if self._terminated.is_set():  # the second time: at once
            raise SystemExit(EXIT_PREEMPTED)
        self._terminated.set()

    def _position(self, epoch, step):
        schedule = getattr(self.model.optimizer, "_learning_rate", None)
        inner = getattr(self.model.optimizer, "inner_optimizer", None)
        schedule = schedule if inner is None else inner._learning_rate
        stopped = bool(getattr(self.model, "stop_training", False))
        return Position(epoch, step, self.model.updates, getattr(schedule, "start", 0), stopped)

    @property
    def _waits(self):
        """Whether this process goes on until the chief, on another machine, ends."""
        return not self.writes and getattr(self.model, "on_several_machines", False)

    def _is_ending(self):
        """Whether the run ends here; called after each step."""
        told = self._terminated.is_set()
        if self._waits:
            if told:
                make_folder(self.folder, "checkpoints")
                self._wish.touch()
            return False
        return told or (getattr(self.model, "on_several_machines", False) and self._wish.exists())

    def on_train_begin(self, logs=None):
        self._saved_at = time.monotonic()
        if self.writes:
            self._wish.unlink(missing_ok=True)  # of the run before
        if self._memories:  # the others come first, and forget everything here
            recall(self.others, *self._memories)
            self._memories = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self._metrics:
            for i, variable in enumerate(_parts(self.model)["metrics"]):
                name = _key("metrics", i, variable)
                if name in self._metrics:
                    variable.assign(self._metrics[name])
            self._metrics = None

    def on_train_batch_end(self, batch, logs=None):
        if self.model.skipping:
            return
        done = batch + 1
        due = time.monotonic() - self._saved_at >= self.every_seconds
        due = due or (self.every_steps and done % self.every_steps < self.model.steps_per_execution)
        ending = self._is_ending()
        if due or ending:
            self.save(self._position(self._epoch, done))
        if ending:
            self._end()

    def on_epoch_end(self, epoch, logs=None):
        value = (logs or {}).get(self.best)
        if self.best and value is None:
            raise ValueError(f"best: expected one of the metrics {sorted(logs or {})}, found {self.best!r}")
        better = value is not None and (
            self._best_value is None
            or (value > self._best_value if self.mode == "max" else value < self._best_value)
        )
        if better:
            self._best_value = float(value)
        self.save(self._position(epoch + 1, 0), best=better)
        if self._is_ending():
            self._end()

    def _end(self):
        print(f"SIGTERM: checkpoint written to {self.folder}; exit code {EXIT_PREEMPTED}", flush=True)
        raise SystemExit(EXIT_PREEMPTED)


def _parts(model):
    """The variables of each part of a checkpoint; no metrics where other machines hold a share of them."""
    metrics = [v for metric in model.metrics for v in metric.variables]
    running = {id(v) for v in metrics}  # among the model's variables, as the states of its random streams are
    return {
        "model": [v for v in model.variables if id(v) not in running],
        "optimizer": list(model.optimizer.variables),
        "metrics": [] if getattr(model, "on_several_machines", False) else metrics,
    }


def _key(part, number, variable):
    """A name that does not change with the numbers that Keras gives to layers of one class."""
    return f"{part}/{number:05d}/{re.sub(r'(?:_[0-9]+)+', '', variable.name)}"


def _array(variable):
    return np.array(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(variable)), order="C")
