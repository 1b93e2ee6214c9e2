import json
import os
import socket
import subprocess
import sys
import textwrap

import keras
import pytest
from loopback import free_ports

from zoo.training import cluster, strategy


def config(workers, index=0, kind="worker"):
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": kind, "index": index}})


def test_auto_takes_the_only_device_without_a_strategy_and_says_so(capsys, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    chosen = strategy.auto()
    assert (chosen.name, chosen.replicas, chosen.is_chief) == ("one", 1, True)
    assert "only device" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["data_parallel", "two"])
def test_a_name_of_another_backend_is_refused(name):
    with pytest.raises(ValueError, match="strategy: expected one of .* on the tensorflow backend"):
        strategy.choose(name)


def test_keras_distribution_is_refused_on_tensorflow():
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=["cpu:0"]))
    try:
        with pytest.raises(ValueError, match=r"keras\.distribution: expected none on the TensorFlow backend"):
            strategy.choose("one")
    finally:
        keras.distribution.set_distribution(None)


def test_a_batch_smaller_than_the_devices_is_refused():
    with pytest.raises(ValueError, match="at least one example for each of 4 devices, found 3"):
        strategy.Strategy("mirrored", "", replicas=4).check_batch(3)
    with pytest.raises(ValueError, match="a multiple of the 4 devices of 'tpu', found 6"):
        strategy.Strategy("tpu", "", replicas=4).check_batch(6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{nonsense", "expected JSON such as"),
        ("[]", "expected JSON such as"),
        (config(["a:1", "b:1"], index=2), "expected a task of the cluster"),
        (config(["a:1", "b"]), "expected workers as host:port"),
        (config(["a:1", "b:70000"]), "expected workers as host:port, found 'b:70000'"),
        (config(["a:1", "a:1"]), "twice"),
        (config(["a:1", "b:1"], kind="ps"), "expected a task of the cluster"),
        ('{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}}', "expected the jobs chief and worker"),
    ],
)
def test_a_wrong_tf_config_is_explained(text, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=f"TF_CONFIG: .*{message}|TF_CONFIG: {message}"):
        cluster.from_environment()


def test_multi_worker_without_tf_config_is_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match="expected TF_CONFIG with at least two workers"):
        strategy.choose("multi_worker")


def test_a_taken_port_is_named(monkeypatch):
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("TF_CONFIG", config([f"127.0.0.1:{port}", "127.0.0.1:1"]))
        with pytest.raises(ValueError, match=f"expected a free port for worker 0, found {port} taken"):
            strategy.choose("multi_worker", timeout=1)


def test_a_worker_that_never_comes_ends_the_wait(monkeypatch):
    own, other = free_ports(2)
    monkeypatch.setenv("TF_CONFIG", config([f"127.0.0.1:{own}", f"127.0.0.1:{other}"]))
    with pytest.raises(
        TimeoutError, match=rf"expected 2 workers, found no answer from \['127.0.0.1:{other}'\]"
    ):
        strategy.choose("multi_worker", timeout=0.5)


JAX = """
    import sys
    sys.modules["tensorflow"] = None
    import keras
    import numpy as np
    import zoo
    from zoo.training import strategy
    from zoo.training.train_step import TrainStep

    class Model(TrainStep, keras.Sequential):
        pass

    def blocks():
        model = zoo.models.Bert(64, 32, 2, 4, mlp_dim=64, max_length=16, dropout=0.0)
        model.build({"token_ids": (None, 8)})
        return model

    class Tagger(TrainStep, keras.Model):
        def __init__(self):
            super().__init__()
            self.bert, self.head = blocks(), keras.layers.Dense(3)
            self.head.build((None, 8, 32))
            self.built = True
        def call(self, token_ids, training=None):
            return self.head(self.bert({"token_ids": token_ids}, training=training)["sequence"])

    def weights(name, accumulate=1):
        with strategy.choose(name).scope():
            keras.utils.set_random_seed(0)
            model = Tagger()
        model.accumulate = accumulate
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.AdamW(1e-3, global_clipnorm=0.5), loss)
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 64, (40, 8)).astype("int32"), rng.integers(0, 3, (40, 8)).astype("int32")
        model.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
        return [np.asarray(w) for w in model.get_weights()]

    assert len(keras.distribution.list_devices()) == 4
    one = weights("one")
    for name, accumulate in (("data_parallel", 1), ("model_parallel", 1), ("auto", 2)):
        difference = max(np.abs(a - b).max() for a, b in zip(one, weights(name, accumulate)))
        print(name, accumulate, difference)
        assert difference < 2e-6, (name, difference)
"""


@pytest.mark.slow
def test_jax_trains_a_transformer_alike_on_one_and_on_four_devices_data_and_model_parallel():
    pytest.importorskip("jax", reason="JAX is not installed")
    environment = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(JAX)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr[-3000:]
