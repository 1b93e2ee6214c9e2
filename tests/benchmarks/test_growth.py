import dataclasses
import io
import json

import pytest
from click.testing import CliRunner

from benchmarks.growth.__main__ import PICTURE, main, measure
from benchmarks.growth.curves import CURVES, Curve
from benchmarks.growth.points import Point, digest, newest, table, write
from benchmarks.growth.worker import sample, serve, turn
from benchmarks.runner import Result
from benchmarks.work import Contender

CURVE = CURVES["bert_batch"]
OURS, GONE = CURVE.contenders[0], Contender("gone", "torch", "m:f", needs=("no_such_package_anywhere",))


def at_point():
    """A contender whose step does nothing."""
    return lambda point: lambda: None


@pytest.fixture
def folder(tmp_path):
    """Two records of one curve, the newer one with a peer that is missing."""
    old = [Point("bert_batch", "zoo", point, "ms a text", "ok", 9.0, 8.0, 9.5) for point in CURVE.points]
    new = [dataclasses.replace(one, median=4.0 / one.point) for one in old]
    new.append(Point("bert_batch", "transformers", 1, "ms a text", "missing: torch"))
    write(tmp_path / "a.csv", old, {"date": "2026-01-01", "cpu": "this one"})
    write(tmp_path / "b.csv", new, {"date": "2026-01-02", "cpu": "this one"})
    return tmp_path


def test_a_point_is_the_median_in_the_unit_of_its_curve_with_the_spread_over_rounds():
    result = Result(OURS, rounds=[[0.2, 0.4, 0.3], [0.5]])
    assert Point.of(CURVE, 10, result) == Point("bert_batch", "zoo", 10, "ms a text", "ok", 35.0, 30.0, 50.0)
    whole = dataclasses.replace(CURVE, share=1)
    assert Point.of(whole, 10, result).median == pytest.approx(350)
    assert Point.of(CURVE, 10, Result(GONE, "missing: x")).median is None


def test_records_come_back_and_the_newest_of_a_curve_counts(folder):
    header, found = newest(folder)["bert_batch"]
    assert header["date"] == "2026-01-02"
    assert [one.median for one in found[:3]] == [4.0, 2.0, 1.0]
    assert found[-1].status == "missing: torch"
    assert list(newest(folder)) == ["bert_batch"]


def test_the_table_shows_every_contender_and_why_one_is_missing(folder):
    lines = table(folder).splitlines()
    assert lines[0].startswith(
        "**MiniLM-size BERT, inference, texts of 128 tokens**: ms a text by texts a batch"
    )
    assert "| zoo | 4 | 2 | 1 | 0.5 | 0.25 | 0.125 | 0.0625 |" in lines
    assert "| transformers | missing: torch |  |  |  |  |  |  |" in lines


def test_the_picture_is_small_and_says_which_figures_it_shows(folder, tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    from benchmarks.growth.picture import draw

    draw(newest(folder), tmp_path / "p.png", digest(folder))
    assert image.open(tmp_path / "p.png").text["Description"] == digest(folder)
    text = (folder / "b.csv").read_text()
    (folder / "b.csv").write_text(text.replace(",0.5,", ",0.4,"))
    assert image.open(tmp_path / "p.png").text["Description"] != digest(folder)


def test_the_picture_of_the_docs_is_drawn_from_what_is_on_record():
    image = pytest.importorskip("PIL.Image")
    assert newest()
    assert image.open(PICTURE).text["Description"] == digest(), "python -m benchmarks.growth --draw"
    assert PICTURE.stat().st_size < 200_000


def test_a_worker_warms_each_point_up_and_takes_turns_of_it():
    replies = io.StringIO()
    contender = Contender("nothing", "keras", f"{__name__}:at_point")
    serve(CURVE, contender, ["warm 1\n", "warm 2\n", "go 1\n"], replies)
    first, second, samples = (json.loads(line)["samples"] for line in replies.getvalue().splitlines())
    assert (len(first), len(second)) == (2, 2)
    assert len(samples) > 1


def test_a_long_step_is_taken_once_and_of_short_ones_the_first_does_not_count(monkeypatch):
    now = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: now)

    def step():
        nonlocal now
        now += next(seconds)

    seconds = iter([5.0, 0.1, 0.2, 0.3])
    assert turn(step) == [5.0]
    assert turn(step) == pytest.approx([0.2, 0.3])


def test_a_step_that_measures_itself_is_believed():
    assert sample(lambda: 7.0) == 7.0
    assert 0 <= sample(lambda: [7.0]) < 1  # an answer, not a time


def test_every_curve_has_the_zoo_first_and_rising_points():
    for curve in CURVES.values():
        assert curve.contenders[0].group == "zoo"
        assert list(curve.points) == sorted(set(curve.points))
        assert len(curve.points) >= 3
        assert isinstance(curve, Curve)


@pytest.mark.slow
def test_missing_failing_and_running_contenders_are_measured_together():
    broken = dataclasses.replace(OURS, name="stranger")  # not one of the curve's: its process ends
    curve = dataclasses.replace(CURVE, points=(1,), contenders=(OURS, GONE, broken))
    ours, gone, stranger = measure(curve, 1, 2, lambda text: None)
    assert ours.status == "ok"
    assert 0 < ours.low <= ours.median <= ours.high < 10_000
    assert (gone.status, gone.median) == ("missing: no_such_package_anywhere", None)
    assert stranger.status.startswith("failed: ")


def test_the_command_draws_what_is_on_record(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib", reason="the extra `plots` is not installed")
    shown = CliRunner().invoke(main, ["--draw", "--picture", str(tmp_path / "p.png")])
    assert shown.exit_code == 0, shown.output
    assert image.open(tmp_path / "p.png").text["Description"] == digest()
