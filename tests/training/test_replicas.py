"""Training on 2 and 4 logical devices equals training on one: the table of `replica_table.py`."""

import pytest
import replica_table
from replica_run import check, run_table

ROWS = [
    (devices, f"{name}-{case}")
    for devices in (2, 4)
    for name in replica_table.APPLICATIONS
    for case in replica_table.cases_of(name)
]
# float16 gradients are rounded on each device before they are summed. One device takes TensorFlow's fused
# batch norm, whose variance is off by 1e-5 of itself; the other rows compare the exact statistics. Weights
# and logs of the recognizer are within 1.5e-7, but one log-probability of thousands is 1.3e-6 off.
TOLERANCE = {
    "speech_recognizer-sgd_odd_batches_evaluate_predict": 2e-6,
    "image_classifier-float16_with_a_nan_in_one_shard": 1e-4,
    "image_classifier_batch_norm-fused_batch_norm": 2e-5,
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """devices -> {application-case: largest difference from one device}."""
    expected, tables = tmp_path_factory.mktemp("table") / "expected.npz", {}

    def of(devices):
        if devices not in tables:
            keys = {True: [], False: []}
            for _, key in filter(lambda row: row[0] == devices, ROWS):
                keys[key.split("-")[0] in replica_table.PLAIN_KERNELS].append(key)
            tables[devices] = run_table(replica_table, devices, expected, *keys[False])
            if keys[True]:
                plain = {"TF_ENABLE_ONEDNN_OPTS": "0"}
                tables[devices] |= run_table(replica_table, devices, expected, *keys[True], **plain)
        return tables[devices]

    return of


@pytest.mark.slow
@pytest.mark.parametrize(("devices", "key"), ROWS)
def test_several_devices_train_as_one_does(devices, key, table):
    check(table(devices)[key], TOLERANCE.get(key, 1e-6))


@pytest.mark.slow
@pytest.mark.parametrize("devices", [2, 4])
def test_dropout_masks_differ_between_replicas_and_steps(devices, table):
    assert table(devices)["masks_differ"] is True
