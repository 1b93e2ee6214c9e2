"""A run that is killed and started again ends bit for bit as one that was never killed."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import resumed_run

from zoo.datasets import fashion_mnist
from zoo.training import Checkpoints
from zoo.training.callback_memory import memory, recall
from zoo.training.checkpoint import EXIT_PREEMPTED, Position

ON_JAX = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}


def run(folder, *arguments, environment=()):
    folder.mkdir(exist_ok=True)
    command = [str(part) for part in (sys.executable, resumed_run.__file__, folder, *arguments)]
    environment = {**os.environ, **dict(environment)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def end(folder):
    with np.load(folder / "end.npz") as values:
        return [values[name] for name in values.files]


def assert_same_end(folder, other):
    for actual, expected in zip(end(folder), end(other), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [random.SystemRandom().randrange(1, 3 * resumed_run.STEPS), 2 * resumed_run.STEPS],
    ids=["at a random step", "between the last two epochs"],
)
def test_a_killed_run_ends_like_one_that_never_was(step, uninterrupted, tmp_path):
    killed = run(tmp_path, step)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    assert run(tmp_path).returncode == 0
    assert_same_end(tmp_path, uninterrupted)


@pytest.mark.slow
def test_sigterm_writes_a_checkpoint_after_its_step_and_ends_with_75(uninterrupted, tmp_path):
    terminated = run(tmp_path, 8, int(signal.SIGTERM))
    assert terminated.returncode == EXIT_PREEMPTED == 75, terminated.stderr[-3000:]
    assert "exit code 75" in terminated.stdout
    path, position = Checkpoints(tmp_path / "checkpoints").newest()
    assert (position.epoch, position.step) == (1, 9 - resumed_run.STEPS)
    path.write_bytes(path.read_bytes()[:-100])  # the newest is damaged: the one before it counts
    again = run(tmp_path)
    assert again.returncode == 0, again.stderr[-3000:]
    assert "is damaged and passed over" in again.stdout
    assert_same_end(tmp_path, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_text_application_killed_mid_epoch_ends_like_one_that_never_was(
    number, uninterrupted_text, tmp_path
):
    killed = run(tmp_path, 8, int(number), "network='text'")
    assert killed.returncode == (EXIT_PREEMPTED if number == signal.SIGTERM else -number), killed.stderr[
        -3000:
    ]
    again = run(tmp_path, "network='text'")
    assert again.returncode == 0, again.stderr[-3000:]
    assert_same_end(tmp_path, uninterrupted_text)


@pytest.mark.slow
def test_a_run_killed_mid_epoch_on_four_jax_devices_ends_like_one_that_never_was(
    uninterrupted_on_jax, tmp_path
):
    options = ("strategy_name='data_parallel'", "batch_size=30")  # 30 rows each, or 3 of the last 12
    killed = run(tmp_path, 11, *options, environment=ON_JAX)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = run(tmp_path, *options, environment=ON_JAX)
    assert again.returncode == 0, again.stderr[-3000:]
    assert_same_end(tmp_path, uninterrupted_on_jax)


@pytest.fixture(scope="module")
def uninterrupted_on_jax(tmp_path_factory):
    pytest.importorskip("jax", reason="JAX is not installed")
    folder = tmp_path_factory.mktemp("uninterrupted_on_jax")
    done = run(folder, "strategy_name='data_parallel'", "batch_size=30", environment=ON_JAX)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def uninterrupted_text(tmp_path_factory):
    pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    folder = tmp_path_factory.mktemp("uninterrupted_text")
    done = run(folder, "network='text'")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_early_stopping_counts_on_in_a_run_that_goes_on(tmp_path):
    x, y = fashion_mnist("sample")

    def epochs_of(epochs):
        keras.utils.set_random_seed(0)
        app = resumed_run.image_classifier("mlp", "float32", 0.0)
        app.compile(learning_rate=0.01, augment={})
        # The loss falls, so that after the first epoch nothing is better.
        stopping = keras.callbacks.EarlyStopping("loss", mode="max", patience=3, restore_best_weights=True)
        options = {"batch_size": 50, "verbose": 0, "checkpoints": tmp_path, "callbacks": [stopping]}
        app.fit(x[:100], y[:100], epochs=epochs, **options)
        return app.history.epoch, stopping, app

    assert epochs_of(1)[0] == [0]
    first = epochs_of(2)[1]
    epochs, stopping, app = epochs_of(9)
    assert epochs == [2, 3]
    assert (stopping.stopped_epoch, stopping.best_epoch, stopping.best) == (3, 0, first.best)
    for actual, expected in zip(app.get_weights(), first.best_weights, strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert epochs_of(9)[0] == []  # it has ended


def test_class_weights_count_in_a_run_with_checkpoints(tmp_path):
    x, y = fashion_mnist("sample")

    def weights(**arguments):
        keras.utils.set_random_seed(0)
        app = resumed_run.image_classifier("mlp", "float32", 0.0)
        app.compile(learning_rate=0.01, augment={})
        weighs = {label: float(label) for label in range(10)}
        options = {"batch_size": 50, "epochs": 1, "verbose": 0, "shuffle": False}
        app.fit(x[:100], y[:100], class_weight=weighs, **options, **arguments)
        return app.get_weights()

    for actual, expected in zip(weights(checkpoints=tmp_path), weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_callbacks_remember_what_they_compare_with(tmp_path):
    class Own(keras.callbacks.Callback):
        count = 0

        def get_state(self):
            return {"count": self.count}

        def set_state(self, state):
            self.count = state["count"]

    def callbacks():
        kinds = keras.callbacks
        return [
            kinds.ReduceLROnPlateau(),
            kinds.ModelCheckpoint(tmp_path / "a.keras"),
            Own(),
            kinds.Callback(),
        ]

    before, after = callbacks(), callbacks()
    before[0].best, before[0].wait, before[0].cooldown_counter = np.float32(0.5), 2, 1
    before[1].best, before[2].count = 0.25, 7
    numbers, arrays = memory(before)
    recall(after, json.loads(json.dumps(numbers)), arrays)
    assert (after[0].best, after[0].wait, after[0].cooldown_counter) == (0.5, 2, 1)
    assert (after[1].best, after[2].count) == (0.25, 7)


class Tiny(keras.Sequential):
    """With what `Checkpoints` asks of an application."""

    skipping = 0
    steps_per_execution = 1

    @property
    def updates(self):
        return int(self.optimizer.iterations)


def tiny(units=3, optimizer="adam"):
    model = Tiny([keras.Input((4,)), keras.layers.Dense(units)])
    model.compile(optimizer, "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def saved(folder, positions=((0, 2), (0, 4), (1, 0)), **options):
    checkpoints = Checkpoints(folder, **options)
    checkpoints.set_model(tiny())
    for epoch, step in positions:
        checkpoints.save(Position(epoch, step))
    return checkpoints


def test_the_last_ones_stay_and_the_newest_is_found(tmp_path):
    checkpoints = saved(tmp_path)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "checkpoint-000000-000000004.safetensors",
        "checkpoint-000001-000000000.safetensors",
    ]
    assert checkpoints.newest()[1] == Position(epoch=1)


def test_the_best_epoch_stays(tmp_path):
    checkpoints = saved(tmp_path, (), best="val_accuracy", keep=1)
    for epoch, value in enumerate((0.5, 0.7, 0.6)):
        checkpoints.model.layers[0].bias.assign(np.full(3, value, "float32"))
        checkpoints.on_epoch_end(epoch, {"val_accuracy": value})
    other = tiny()
    checkpoints.restore(other, tmp_path / "best.safetensors")
    np.testing.assert_allclose(other.layers[0].bias, 0.7)
    again = Checkpoints(tmp_path, best="val_accuracy")
    again.newest()
    assert again._best_value == pytest.approx(0.7)


@pytest.mark.parametrize(
    "other", [lambda: tiny(5), lambda: tiny(optimizer="sgd")], ids=["model", "optimizer"]
)
def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(other, tmp_path):
    path, _ = saved(tmp_path).newest()
    model = other()
    before = [np.array(v) for v in model.get_weights()]
    with pytest.raises(ValueError, match="checkpoints: expected .* of another model"):
        Checkpoints(tmp_path).restore(model, path)
    for actual, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert path.exists()


def test_damaged_files_alone_are_an_error_and_stay(tmp_path, capsys):
    saved(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match="expected a whole file among"):
        Checkpoints(tmp_path).newest()
    assert capsys.readouterr().out.count("is damaged and passed over") == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    checkpoints = saved(tmp_path, ((0, 2),))

    def full(arrays, path, metadata):
        pathlib.Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zoo.training.checkpoint.save_file", full)
    with pytest.raises(OSError, match="was not written"):
        checkpoints.save(Position(0, 4))
    assert checkpoints.newest()[1] == Position(0, 2)


def test_only_the_chief_writes(tmp_path):
    saved(tmp_path / "none", writes=False)
    assert not (tmp_path / "none").exists()


def test_of_several_machines_the_chief_ends_first_whichever_is_told(tmp_path):
    (chief, worker) = (Checkpoints(tmp_path, writes=writes) for writes in (True, False))
    for checkpoints in (chief, worker):
        checkpoints.set_model(tiny())
        checkpoints.model.on_several_machines = True
        checkpoints.on_train_begin()

    def of_the_worker():
        with worker.listening():
            os.kill(os.getpid(), signal.SIGTERM)
            worker.on_train_batch_end(3)  # it goes on
            assert chief.newest() == (None, Position())
            with pytest.raises(SystemExit, match=f"^{EXIT_PREEMPTED}$"):
                chief.on_train_batch_end(3)
            raise RuntimeError("the chief is gone")

    with pytest.raises(SystemExit, match=f"^{EXIT_PREEMPTED}$"):
        of_the_worker()
    assert chief.newest()[1] == Position(step=4)
    chief.on_train_begin()  # started again: nobody has told it to end
    chief.on_train_batch_end(4)


def test_an_unknown_metric_is_named(tmp_path):
    checkpoints = saved(tmp_path, (), best="val_acc")
    with pytest.raises(
        ValueError, match=r"best: expected one of the metrics \['val_accuracy'\], found 'val_acc'"
    ):
        checkpoints.on_epoch_end(0, {"val_accuracy": 0.5})
