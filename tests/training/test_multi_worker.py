"""Two and three processes on loopback with MultiWorkerMirroredStrategy train as one does; a killed one comes
back."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import resumed_run
from loopback import free_ports

from zoo.training import Checkpoints

PLAIN = ["augment={}", "dropout=0.0", "optimizer='sgd'", "learning_rate=0.01"]


def run_workers(folder, kill=None, count=2, number=signal.SIGKILL):
    """Exit codes of `count` workers, once all have ended; the last one gets `number` at step `kill`."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    workers = []
    for index in range(count):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        dies = [str(kill), str(int(number))] if kill is not None and index == count - 1 else []
        command = [
            sys.executable,
            resumed_run.__file__,
            str(folder),
            *dies,
            "strategy_name='multi_worker'",
            *PLAIN,
        ]
        environment = {**os.environ, "TF_CONFIG": json.dumps(config)}
        with (folder / f"worker{index}.log").open("w") as log:
            workers.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT))
    try:
        return [worker.wait(timeout=900) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def end(folder):
    with np.load(folder / "end.npz") as values:
        return [values[name] for name in values.files]


def logs(folder):
    return "\n".join(path.read_text()[-2000:] for path in folder.glob("worker*.log"))


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two_workers")
    assert run_workers(folder) == [0, 0], logs(folder)
    return folder


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one_process")
    command = [sys.executable, resumed_run.__file__, folder, *PLAIN]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def assert_close(folder, other):
    for actual, expected in zip(end(folder), end(other), strict=True):
        if np.issubdtype(actual.dtype, np.floating):  # losses and metrics, too, of training and validation
            np.testing.assert_allclose(actual, expected, atol=1e-6)


@pytest.mark.slow
def test_two_workers_train_as_one_process(two_workers, one_process):
    assert_close(two_workers, one_process)


@pytest.mark.slow
def test_three_workers_of_which_one_was_killed_train_as_one_process(one_process, tmp_path):
    codes = run_workers(tmp_path, kill=9, count=3)  # 32 examples: shares of 11, 11 and 10
    assert codes[2] == -signal.SIGKILL, logs(tmp_path)
    assert codes[0] != 0, "the chief should have ended with an error"
    assert run_workers(tmp_path, count=3) == [0, 0, 0], logs(tmp_path)
    assert_close(tmp_path, one_process)


@pytest.mark.slow
def test_a_killed_worker_ends_the_others_and_the_restarted_job_ends_as_if_nothing_had_been(
    two_workers, tmp_path
):
    codes = run_workers(tmp_path, kill=9)
    assert codes[1] == -signal.SIGKILL, logs(tmp_path)
    assert codes[0] != 0, "the other worker should have ended with an error"
    assert not (tmp_path / "end.npz").exists()
    assert list((tmp_path / "checkpoints").glob("checkpoint-*"))
    assert run_workers(tmp_path) == [0, 0], logs(tmp_path)
    for actual, expected in zip(end(tmp_path), end(two_workers), strict=True):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.slow
def test_sigterm_to_one_worker_has_the_chief_write_a_checkpoint_and_all_end_with_75(two_workers, tmp_path):
    assert run_workers(tmp_path, kill=8, number=signal.SIGTERM) == [75, 75], logs(tmp_path)
    position = Checkpoints(tmp_path / "checkpoints").newest()[1]
    done = position.epoch * resumed_run.STEPS + position.step
    assert done in (9, 10), position  # the step in which the signal came, or the one after it
    assert run_workers(tmp_path) == [0, 0], logs(tmp_path)
    for actual, expected in zip(end(tmp_path), end(two_workers), strict=True):
        np.testing.assert_array_equal(actual, expected)
