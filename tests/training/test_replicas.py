"""Training on 2 and 4 logical devices equals training on one: the table of `replica_table.py`."""

import json
import os
import subprocess
import sys

import pytest
import replica_table
import replica_table_jax

ROWS = [
    (devices, f"{name}-{case}")
    for devices in (2, 4)
    for name in replica_table.APPLICATIONS
    for case in replica_table.cases_of(name, devices)
]
# float16 gradients are rounded on each device before they are summed. One device takes TensorFlow's fused
# batch norm, whose variance is off by 1e-5 of itself; the other rows compare the exact statistics.
TOLERANCE = {
    "image_classifier-float16_with_a_nan_in_one_shard": 1e-4,
    "image_classifier_batch_norm-fused_batch_norm": 2e-5,
}


def run_table(script, *arguments, **environment):
    """{key: largest difference from one device} that a table's script prints."""
    run = subprocess.run(
        [sys.executable, script.__file__, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    rows = {}
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            rows |= json.loads(line)
    return rows


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """devices -> {application-case: largest difference from one device}."""
    expected, tables = tmp_path_factory.mktemp("table") / "expected.npz", {}

    def of(devices):
        if devices not in tables:
            tables[devices] = run_table(replica_table, devices, expected)
        return tables[devices]

    return of


@pytest.mark.slow
@pytest.mark.parametrize(("devices", "key"), ROWS)
def test_several_devices_train_as_one_does(devices, key, table):
    check(key, table(devices)[key])


def check(key, difference):
    if difference == "skipped":
        pytest.skip("a package is not installed")
    assert isinstance(difference, float), difference
    assert difference <= TOLERANCE.get(key, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [2, 4])
def test_dropout_masks_differ_between_replicas_and_steps(devices, table):
    assert table(devices)["masks_differ"] is True


@pytest.fixture(scope="module")
def table_on_jax():
    pytest.importorskip("jax", reason="JAX is not installed")
    devices = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    return run_table(replica_table_jax, *replica_table_jax.keys(), **devices)


@pytest.mark.slow
@pytest.mark.parametrize("key", replica_table_jax.keys())
def test_four_jax_devices_train_as_one_does(key, table_on_jax):
    check(key.rpartition("-")[0], table_on_jax[key])
