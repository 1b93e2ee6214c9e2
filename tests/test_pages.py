"""The pages that a newcomer reads: their code runs, their tables are what was measured."""

import ast
import doctest
import pathlib
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import zoo.applications

from benchmarks import goals, pages, readme, speed
from benchmarks.items import ITEMS
from benchmarks.record import Record, read_records
from zoo.hub import registry, sources

ROOT = pathlib.Path(__file__).parents[1]
DOWNLOADED = ("minilm-l6", "silero-vad", "smollm2-135m")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(readme.python_blocks(page.read_text(encoding="utf-8")), 1)
]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with the files that the pages speak of."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), "uint8")
    for name in ("photos/cat/1.jpg", "photos/cat/2.jpg", "photos/dog/1.jpg", "photos/dog/2.jpg", "new.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tf.io.encode_jpeg(pixels).numpy())
    silence = tf.audio.encode_wav(tf.zeros((8000, 1)), 8000)
    (tmp_path / "number.wav").write_bytes(silence.numpy())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "WEIGHTS", dict(registry.WEIGHTS))  # a page registers weights of its own
    return {"images": pixels[None].repeat(4, 0)[:, :28, :28, :1], "labels": [0, 1, 2, 3]}


def comment_below(source, statement, following):
    """What a page says that a statement gives: the comment lines between it and the next one."""
    lines = source.splitlines()[statement.end_lineno : following.lineno - 1 if following else None]
    said = [line.removeprefix("#").strip() for line in lines if line.strip()]
    return " ".join(said)


def agrees(said, value):
    """Whether `value` is what stands in the page: ... stands for anything, numbers by the digits printed."""
    decimals = iter(len(found) for found in re.findall(r"\d\.(\d+)", said))
    given = re.sub(
        r"\d+\.\d+", lambda n: f"{float(n[0]):.{next(decimals, 9)}f}", " ".join(repr(value).split())
    )
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(said + "\n", given + "\n", options)


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS)
def test_code_of_the_pages_runs_and_gives_what_they_say(block, desk):
    if "tensorflow_text" in block or "minilm" in block:
        pytest.importorskip("tensorflow_text")
    if "smollm2" in block:
        pytest.importorskip("gguf")
    for name in DOWNLOADED:
        if name in block:
            entry = registry.find(name)
            try:
                (sources.fetch_folder if entry.is_folder else sources.fetch)(entry.source, entry.sha256)
            except OSError as reason:
                pytest.skip(f"the weights are not to be had: {reason}")
    if "speak_texts" in block and not shutil.which("flite"):
        pytest.skip("flite is not installed")
    names = {"keras": keras, "np": np, **desk}
    statements = ast.parse(block).body
    for statement, following in zip(statements, [*statements[1:], None], strict=True):
        code = ast.get_source_segment(block, statement)
        if not isinstance(statement, ast.Expr):
            exec(compile(ast.Module([statement], []), "page", "exec"), names)  # decorators and all
            continue
        value = eval(compile(code, "page", "eval"), names)
        said = comment_below(block, statement, following)
        assert not said or agrees(said, value), f"{code}\npage: {said}\nfound: {value!r}"


def test_tables_of_the_readme_are_generated():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.generated(page) == page, "python -m benchmarks.readme writes them anew"


@pytest.mark.parametrize(("path", "text"), [pytest.param(*page, id=page[0].name) for page in pages.drawn()])
def test_pages_of_the_guide_are_drawn_from_registry_and_results(path, text):
    assert path.read_text(encoding="utf-8") == text, "python -m benchmarks.readme writes them anew"


def test_every_registered_name_has_a_card():
    text = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert found == registry.list_pretrained()
    for part in ("Use", "Data", "Training", "Result", "Limits", "Licence", "Source"):
        assert text.count(f"- **{part}** ") == len(found), part


def test_a_figure_edited_by_hand_does_not_pass():
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    figure = speed.newest(read_records())["resnet50_train"][1][0]["median"]
    edited = page.replace(f" {figure} ", " 1 ")
    assert edited != page
    assert readme.generated(edited) == page


def a_record(cpu, date, ratio):
    row = {"item": "ctc_loss", "contender": "zoo", "status": "ok", "median": "1", "unit": "ms"}
    spread = {"to_torch": f"{ratio}", "to_torch_low": f"{ratio - 0.01}", "to_torch_high": f"{ratio + 0.01}"}
    return Record({"cpu": cpu, "date": date}, (row | spread,))


def test_goals_are_bold_where_they_are_missed_and_need_a_reason():
    met, missed = a_record("A", "2026-01-01", 0.8), a_record("B", "2026-01-02", 1.1)
    lines = speed.goals_table(speed.by_machine([met, missed])).splitlines()
    assert lines[0].endswith("| at most | B | A |")
    assert "| ctc_loss; zoo | torch | 0.80 | **1.10 (1.09..1.11)** | 0.80 (0.79..0.81) |" in lines
    assert "ctc_loss" not in speed.behind(speed.newest([missed, met]))  # the newest is the last
    with pytest.raises(ValueError, match=r"expected a reason for ctc_loss, zoo, torch: 1\.10"):
        speed.behind(speed.newest([met, missed]))


def test_goals_and_reasons_are_of_contenders_that_exist():
    for goal in goals.GOALS:
        assert ITEMS[goal.item].contender(goal.contender).group == "zoo"
    for entry in goals.REASONS:
        names = [contender.name for item in entry.items for contender in ITEMS[item].contenders]
        assert set(entry.contenders) <= set(names), entry.text


def test_a_goal_that_lies_within_the_spread_says_so():
    assert "Within the spread" in speed.behind(speed.newest([a_record("A", "2026-01-01", 0.806)]))


def test_every_application_has_a_guide_and_a_page_of_its_methods():
    guides = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    serving = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    methods = (ROOT / "docs" / "api" / "applications.md").read_text(encoding="utf-8")
    for name in zoo.applications.__all__:
        assert f".{name}\n" in methods
        assert name == "Application" or (f"`{name}`" in guides and f"| `{name}` |" in serving)


@pytest.mark.slow
def test_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocstrings", reason="the extra `docs` is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page, name in (("layers", "LayerNorm"), ("models", "bert_base"), ("applications", "TextGenerator")):
        assert name in (tmp_path / "site" / "api" / page / "index.html").read_text(encoding="utf-8")


def test_every_command_of_the_readme_is_there():
    from zoo.applications.cli import main

    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Command line")[2].partition("##")[0]
    said = {
        line.split("zoo ")[-1].split()[0]
        for line in text.replace("      zoo ", "\nzoo ").splitlines()
        if line.startswith("zoo ")
    }
    assert said == set(main.commands)
