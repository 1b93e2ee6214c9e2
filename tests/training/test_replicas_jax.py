"""Training on four JAX devices equals training on one: the table of `replica_table_jax.py`."""

import pytest
import replica_table_jax
from replica_run import check, run_table


@pytest.fixture(scope="module")
def table():
    pytest.importorskip("jax", reason="JAX is not installed")
    devices = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    return run_table(replica_table_jax, *replica_table_jax.keys(), **devices)


@pytest.mark.slow
@pytest.mark.parametrize("key", replica_table_jax.keys())
def test_four_jax_devices_train_as_one_does(key, table):
    check(table[key], 1e-6)
