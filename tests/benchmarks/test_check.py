import click
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import chosen, main
from benchmarks.check import MACHINE, MARGIN, summary, verdicts
from benchmarks.items import FAMILIES, ITEMS, Contender, WorkItem
from benchmarks.machine import describe
from benchmarks.record import Record, read_records
from benchmarks.report import rows_of, write_csv
from benchmarks.runner import Result

OURS = Contender("zoo", "zoo", "m:f")
PEER = Contender("peer", "torch", "m:f")
RIVAL = Contender("rival", "torch", "m:f")
ITEM = WorkItem("some_item", "", "ms", (OURS, PEER, RIVAL))
HERE = {"date": "2026-02-01 10:00 UTC", "cpu": "this one", "flags": "avx2", "threads": "2"}


def run(ours=(1.0, 1.0), peer=(1.0, 1.0), rival=(9.0, 9.0)):
    """What a run gives: for each contender a sample a round in seconds, or why it did not run."""
    return [
        Result(contender, status=given)
        if isinstance(given, str)
        else Result(contender, rounds=[[sample] for sample in given])
        for contender, given in ((OURS, ours), (PEER, peer), (RIVAL, rival))
    ]


def recorded(tmp_path, results, item=ITEM, **header):
    """The same as a file of records, read back."""
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
    write_csv(path, rows_of(item, results), {**HERE, **header})
    return read_records(tmp_path)


def test_a_ratio_beyond_the_highest_recorded_and_the_margin_in_every_round_is_worse(tmp_path):
    records = recorded(tmp_path, run(ours=(0.8, 1.0)))
    (line,) = verdicts(ITEM, run(ours=(1.0 * MARGIN + 0.01, 3.0)), records, HERE)
    assert (line.status, line.fails) == ("worse", True)
    assert str(line) == (
        "some_item: zoo / peer: worse; found 2.13 (1.26..3.00); "
        "recorded 0.90 (0.80..1.00) of 2026-02-01, limit 1.2"
    )


def test_a_ratio_with_one_round_within_the_band_passes(tmp_path):
    records = recorded(tmp_path, run(ours=(0.8, 1.0)))
    (line,) = verdicts(ITEM, run(ours=(1.0 * MARGIN - 0.01, 3.0)), records, HERE)
    assert (line.status, line.fails) == ("ok", False)


def test_a_median_counts_where_it_lies_outside_of_the_rounds(tmp_path):
    noisy = run(ours=(1.0, 2.0, 4.0), peer=(4.0, 1.0, 2.0))  # medians level, rounds 0.25, 2, 2
    (line,) = verdicts(ITEM, noisy, recorded(tmp_path, run(ours=(0.3, 0.3))), HERE)
    assert (line.found.value, line.found.low, line.status) == (1.0, 0.25, "ok")
    records = recorded(tmp_path, run(ours=(2.0, 1.0, 4.0), peer=(4.0, 2.0, 1.0)), date="2026-03-01")
    (line,) = verdicts(ITEM, run(ours=(4.9, 4.9)), records, HERE)
    assert line.recorded.limit == pytest.approx(4 * MARGIN)


def test_faster_than_recorded_passes(tmp_path):
    (line,) = verdicts(ITEM, run(ours=(0.1, 0.1)), recorded(tmp_path, run()), HERE)
    assert line.status == "ok"


def test_an_item_without_a_record_passes_with_a_note_and_its_ratio(tmp_path):
    other = WorkItem("another", "", "ms", ITEM.contenders)
    (line,) = verdicts(ITEM, run(ours=(2.0, 2.0)), recorded(tmp_path, run(), other), HERE)
    assert not line.fails
    assert str(line) == "some_item: zoo / peer: not recorded; found 2.00 (2.00..2.00)"


def test_a_missing_peer_is_reported_and_another_does_not_take_its_place(tmp_path):
    records = recorded(tmp_path, run(ours=(0.5, 0.5)))
    (line,) = verdicts(ITEM, run(peer="missing: torch"), records, HERE)
    assert (str(line), line.fails) == ("some_item: peer: missing: torch", False)
    assert (
        summary([line])
        == "0 ratios compared: 0 ok, 0 worse, 0 elsewhere, 0 not recorded, 1 missing, 0 failed"
    )


def test_a_contender_that_failed_fails_the_check(tmp_path):
    (line,) = verdicts(ITEM, run(ours="failed: no memory"), recorded(tmp_path, run()), HERE)
    assert (str(line), line.fails) == ("some_item: zoo: failed: no memory", True)


def test_the_peer_is_the_one_that_was_best_when_it_was_recorded(tmp_path):
    records = recorded(tmp_path, run(rival=(9.0, 9.0)))
    (line,) = verdicts(
        ITEM, run(rival=(0.1, 0.1)), records, HERE
    )  # a rival of today is no regression of ours
    assert (line.who, line.status) == ("zoo / peer", "ok")


def test_throughput_is_held_against_the_peer_of_the_most(tmp_path):
    item = WorkItem("some_item", "", "images/s", ITEM.contenders, work=64)
    (line,) = verdicts(item, run(ours=(2.0, 2.0)), recorded(tmp_path, run(), item), HERE)
    assert (line.who, line.status, line.found.value) == ("zoo / peer", "worse", 2.0)


def test_the_newest_record_of_this_machine_counts_then_the_newest_of_any(tmp_path):
    def ratio(records):
        (line,) = verdicts(ITEM, run(), records, HERE)
        return line.recorded.ratio.value, line.recorded.elsewhere

    recorded(tmp_path, run(ours=(2.0, 2.0)), date="2026-01-01", cpu="old one")
    assert ratio(recorded(tmp_path, run(ours=(3.0, 3.0)), date="2026-01-02", flags="amx_bf16")) == (
        3.0,
        "this one",
    )
    recorded(tmp_path, run(ours=(5.0, 5.0)), date="2025-06-02")
    recorded(tmp_path, run(ours=(4.0, 4.0)), date="2025-06-01")
    assert ratio(read_records(tmp_path)) == (5.0, "")


def test_worse_than_on_another_machine_is_told_and_does_not_fail(tmp_path):
    records = recorded(tmp_path, run(), cpu="another one")
    (line,) = verdicts(ITEM, run(ours=(9.0, 9.0)), records, HERE)
    assert not line.fails
    assert str(line) == (
        "some_item: zoo / peer: elsewhere; found 9.00 (9.00..9.00); "
        "recorded 1.00 (1.00..1.00) of 2026-02-01 on another one, limit 1.2"
    )
    assert summary([line]).startswith("1 ratios compared: 0 ok, 0 worse, 1 elsewhere")


def test_records_that_are_too_old_for_a_column_are_read(tmp_path):
    path = tmp_path / "old.csv"
    path.write_text(
        "# date: 2026-01-01\n# cpu: this one\n# flags: avx2\n# threads: 2\n"
        "item,contender,unit,median,low,high,to_torch,to_torch_low,to_torch_high,status\n"
        "some_item,zoo,ms,800,700,900,0.8,0.7,0.9,ok\n"
        "some_item,peer,ms,1000,1000,1000,,,,ok\n"
    )
    assert "peak_mb" not in Record.read(path).rows[0]
    (line,) = verdicts(ITEM, run(ours=(2.0, 2.0)), read_records(tmp_path), HERE)
    assert (line.status, line.recorded.limit) == ("worse", pytest.approx(0.9 * MARGIN))


def test_a_family_is_all_of_its_items_and_a_check_only_the_guarded_ones():
    names = [item.name for item in chosen((), ("bert", "gpt"), False)]
    assert names == [item.name for item in (*FAMILIES["bert"], *FAMILIES["gpt"])]
    assert chosen((), (), False) == [item for item in ITEMS.values() if item.suite == "cpu"]
    assert chosen((), (), True) == [item for item in ITEMS.values() if item.guard]
    named = [item.name for item in chosen(("resnet50_train",), ("speech",), True)]
    assert named == ["resnet50_train", *(item.name for item in FAMILIES["speech"] if item.guard)]
    with pytest.raises(click.UsageError, match="expected a guarded item of the suite cpu, found none in gpt"):
        chosen((), ("gpt",), True)


def test_every_item_of_a_family_can_be_named():
    assert all(ITEMS[item.name] is item for items in FAMILIES.values() for item in items)


@pytest.mark.slow
def test_command_line_exits_with_1_where_a_ratio_is_worse(tmp_path):
    pytest.importorskip("torch")
    head = "".join(f"# {key}: {value}\n" for key, value in describe(2).items() if key in MACHINE)
    (tmp_path / "record.csv").write_text(
        f"{head}item,contender,median,to_keras,to_keras_low,to_keras_high,to_torch,to_torch_low,to_torch_high,status\n"
        "import_time,import zoo,0.001,0.5,0.4,0.6,1e-6,1e-6,2e-6,ok\n"
        "import_time,import keras,0.002,,,,,,,ok\n"
        "import_time,import torch,1000,,,,,,,ok\n"
    )
    options = ["--check", "--records", str(tmp_path), "--item", "import_time", "--rounds", "1"]
    shown = CliRunner().invoke(main, options)
    assert shown.exit_code == 1
    assert "import_time: import zoo / import keras: ok; found 0.0" in shown.output
    assert "import_time: import zoo / import torch: worse; found 0.0" in shown.output
    assert "2 ratios compared: 1 ok, 1 worse, 0 elsewhere, 0 not recorded, 0 missing" in shown.output
