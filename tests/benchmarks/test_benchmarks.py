import csv
import dataclasses
import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

import zoo.models
from benchmarks.__main__ import chosen, main
from benchmarks.items import ITEMS, Contender, WorkItem
from benchmarks.plain_resnet import plain_resnet20
from benchmarks.report import Ratio, rows_of, table, write_csv
from benchmarks.runner import Result, measure
from benchmarks.worker import serve
from zoo.hub.checkpoint import weight_names
from zoo.training.arithmetic import training_flops

ABSENT = "no_such_package_anywhere"
OURS = Contender("zoo float32", "zoo", "m:f")
OURS_BF16 = Contender("zoo mixed_bfloat16", "zoo", "m:f")
SLOW_PEER = Contender("slow peer", "torch", "m:f")
FAST_PEER = Contender("fast peer", "torch", "m:f")
GONE = Contender("gone", "keras", "m:f", needs=(ABSENT,))
ITEM = WorkItem("some_item", "", "ms", (OURS, OURS_BF16, SLOW_PEER, FAST_PEER, GONE))


def results():
    return [
        Result(OURS, rounds=[[0.8, 0.8], [0.9, 0.9]], first_call_s=2.5, peak_mb=1234.5),
        Result(OURS_BF16, rounds=[[0.4, 0.4], [0.45, 0.45]], first_call_s=3.0),
        Result(SLOW_PEER, rounds=[[2.0, 2.0], [2.0, 2.0]], first_call_s=0.5),
        Result(FAST_PEER, rounds=[[1.0, 1.0], [1.0, 1.0]], first_call_s=0.5),
        Result(GONE, status=f"missing: {ABSENT}"),
    ]


@pytest.fixture(scope="module")
def resnets():
    """The zoo's ResNet-20 with random weights and statistics, and the plain one with the same."""
    ours, plain = zoo.models.resnet20(num_classes=10), plain_resnet20(10)
    ours.build((None, 28, 28, 1))
    random = np.random.default_rng(0)
    for name, variable in weight_names(ours).items():
        value = random.uniform(0.5, 1.5, variable.shape)  # gamma and variance
        if name.endswith((".beta", ".moving_mean", ".bias")):
            value = random.normal(0, 0.5, variable.shape)
        if name.endswith(".kernel"):
            value = random.normal(0, np.sqrt(1 / np.prod(variable.shape[:-1])), variable.shape)
        variable.assign(value)
        layer, attribute = name.rsplit(".", 1)
        getattr(plain.get_layer(layer.replace(".", "_")), attribute).assign(value)
    return ours, plain


@pytest.mark.parametrize("training", [False, True])
def test_plain_keras_resnet20_equals_the_zoos(resnets, training):
    ours, plain = resnets
    x = np.random.default_rng(1).standard_normal((4, 28, 28, 1), "float32")
    expected, found = ours(x, training=training), plain(x, training=training)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_peers_have_the_parameters_of_the_zoos(resnets):
    ours, plain = resnets
    assert plain.count_params() == ours.count_params()
    assert len(plain.trainable_variables) == len(ours.trainable_variables)


@pytest.mark.parametrize(("name", "shape"), [("resnet20", (28, 28, 1)), ("resnet50", (224, 224, 3))])
def test_torch_peer_has_the_parameters_of_the_zoos(name, shape):
    torch = pytest.importorskip("torch")
    from benchmarks import torch_resnet

    ours = getattr(zoo.models, name)()
    ours.build((None, *shape))
    peer = getattr(torch_resnet, name)()
    count = sum(int(np.prod(variable.shape)) for variable in ours.trainable_variables)
    assert sum(parameter.numel() for parameter in peer.parameters()) == count
    assert peer(torch.zeros(2, shape[2], 33, 29)).shape == (2, ours.num_classes)


@pytest.mark.parametrize("mode", [pytest.param("train", marks=pytest.mark.slow), "inference"])
def test_a_step_of_the_zoo_and_of_plain_keras_runs(mode):
    from benchmarks import keras_steps

    shape = {"mode": mode, "batch": 2, "image_shape": (8, 8, 1), "classes": 10}
    assert keras_steps.zoo_step("resnet20", "mixed_bfloat16", **shape)() is None
    assert keras_steps.plain_keras(**shape)() is None
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("name", ["zoo", "plain", "keras_directory"])
def test_every_jpeg_pipeline_gives_all_images(name):
    from benchmarks import jpeg_pipeline

    step = getattr(jpeg_pipeline, name)(images=6, batch=4)
    assert step() is None  # raises where the number differs


def test_ratios_are_to_the_best_peer_of_a_group_with_the_spread_over_rounds():
    ours, bfloat16, *peers = rows_of(ITEM, results())
    assert ours.figure == pytest.approx(850)
    assert str(ours.ratios["torch"]) == "0.85 (0.80..0.90)"
    assert str(bfloat16.ratios["zoo"]) == "0.50 (0.50..0.50)"
    assert set(ours.ratios) == {"torch"}  # the Keras peer is missing
    assert all(not peer.ratios for peer in peers)


def test_throughput_is_shown_in_images_a_second_and_compared_by_time():
    item = dataclasses.replace(ITEM, unit="images/s", work=256)
    ours = rows_of(item, results())[0]
    assert ours.figure == pytest.approx(256 / 0.85)
    assert ours.ratios["torch"].value == pytest.approx(0.85)


def test_table_is_aligned_and_shows_what_is_missing():
    lines = table(rows_of(ITEM, results())).splitlines()
    assert lines[0].split()[:6] == ["item", "contender", "median", "unit", "to", "zoo"]
    ours = ["some_item", "zoo", "float32", "850", "ms", "0.85", "(0.80..0.90)", "2.5", "1234"]
    assert lines[1].split() == ours
    assert len({line.index(" ms") for line in lines[1:5]}) == 1
    assert lines[5].split() == ["some_item", "gone", "missing:", ABSENT]


def test_csv_holds_the_header_and_a_line_for_each_contender(tmp_path):
    path = tmp_path / "records" / "r.csv"
    write_csv(path, rows_of(ITEM, results()), {"date": "2026-01-01", "cpu": "some"})
    lines = path.read_text().splitlines()
    assert lines[:2] == ["# date: 2026-01-01", "# cpu: some"]
    records = list(csv.DictReader(lines[2:]))
    assert [record["contender"] for record in records] == [c.name for c in ITEM.contenders]
    assert float(records[0]["median"]) == 850
    assert float(records[0]["to_torch_high"]) == pytest.approx(0.9)
    assert (records[0]["peak_mb"], records[1]["peak_mb"]) == ("1234", "")
    assert records[4]["status"] == f"missing: {ABSENT}"
    assert records[4]["median"] == ""


def nothing():
    return lambda: 0.5


@pytest.mark.parametrize(("unit", "shown"), [("ms", True), ("s", False)])
def test_a_worker_says_the_peak_of_its_memory_unless_the_step_measures_other_processes(unit, shown):
    replies = io.StringIO()
    contender = Contender("nothing", "keras", f"{__name__}:nothing")
    serve(dataclasses.replace(ITEM, unit=unit), contender, 2, ["go\n", "go\n"], replies)
    _, first, second = map(json.loads, replies.getvalue().splitlines())
    assert len(first["samples"]) == 2
    if shown:
        assert 10 < first["peak_mb"] <= second["peak_mb"] < 1e5
    else:
        assert second == {"samples": [0.5, 0.5], "peak_mb": None}


def transformer(kind):
    """One layer of MiniLM, or the whole GPT of the item; and how many tokens a row has."""
    if kind == "bert":
        return zoo.models.Bert(1000, num_layers=1, hidden_dim=384, num_heads=12, max_length=128), 128
    return zoo.models.Gpt(257, 384, 6, 6, max_length=256), 256


@pytest.mark.parametrize(
    ("name", "examples", "kind"),
    [
        ("resnet20_inference", 128, "resnet20"),
        pytest.param("resnet50_train", 3 * 8, "resnet50", marks=pytest.mark.slow),
        ("minilm_train_32x128", 3 * 32 * 6, "bert"),
        ("gpt_6x384_train_dropout_0.1", 3 * 16, "gpt"),
    ],
)
def test_the_operations_of_an_item_are_those_that_tensorflow_counts(name, examples, kind):
    if kind.startswith("resnet"):
        model = getattr(zoo.models, kind)()
        shape = (None, 28, 28, 1) if kind == "resnet20" else (None, 224, 224, 3)
        model.build(shape)
        spec = tf.TensorSpec(shape)
    else:
        model, length = transformer(kind)
        model.build((None, length))
        spec = tf.TensorSpec((None, length), "int32")
        spec = {"token_ids": spec, "attention_mask": spec} if kind == "bert" else spec
    forward = training_flops(model, spec) / 3e9
    assert ITEMS[name].gflops == pytest.approx(examples * forward, rel=0.02)


def test_the_share_of_the_ceiling_is_operations_by_time():
    item = dataclasses.replace(ITEM, gflops=17.0)
    rows = rows_of(item, results(), ceiling=100.0)
    assert rows[0].of_ceiling == pytest.approx(17 / 0.85 / 100)
    assert table(rows).splitlines()[1].split()[-1] == "0.20"
    assert rows[4].of_ceiling is None
    assert rows_of(item, results())[0].of_ceiling is None  # the ceiling was not measured


def test_small_ratios_show_two_digits():
    assert str(Ratio(0.0003263, 0.0002739, 0.0005224)) == "0.00033 (0.00027..0.00052)"
    assert str(Ratio(0.1, 0.058, 12.3)) == "0.10 (0.058..12.30)"


def test_a_missing_peer_is_reported_and_a_present_one_measured():
    item = ITEMS["import_time"]
    item = dataclasses.replace(item, contenders=(item.contender("import zoo"), GONE))
    ours, gone = measure(item, rounds=2)
    assert (ours.status, [len(samples) for samples in ours.rounds]) == ("ok", [5, 5])
    assert 0 < ours.overall(best=True) < 10
    assert gone.status == f"missing: {ABSENT}"


def test_a_contender_that_fails_is_reported_with_its_reason():
    stranger = Contender("stranger", "zoo", "m:f")  # not one of the item's: its process ends with an error
    item = dataclasses.replace(ITEMS["import_time"], contenders=(stranger,))
    (result,) = measure(item, rounds=1)
    assert result.status.startswith("failed: ValueError: contender: expected one of ['import zoo'")
    assert result.rounds == []


def test_command_line_lists_every_item_and_its_contenders():
    shown = CliRunner().invoke(main, ["--list"])
    assert shown.exit_code == 0
    for item in chosen((), (), False):
        assert item.name in shown.output
        assert all(contender.name in shown.output for contender in item.contenders)
