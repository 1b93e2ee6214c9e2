"""Full disks, interrupts and forbidden places: over all applications and the command line, nothing is lost.

The disk is full by the system's own limit on the size of a file, so that what fails is a real write half way.
"""

import contextlib
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from test_robustness import NAMES, Tiny
from zoo.applications.cli import main

WRITES = {
    "save": lambda app, place: app.save(place / "app.keras"),
    "save_pretrained": lambda app, place: app.save_pretrained(place / "folder"),
    "export": lambda app, place: app.export(place / "served"),
}


@pytest.fixture(scope="module", params=NAMES)
def tiny(request, tmp_path_factory):
    return Tiny(request.param, tmp_path_factory.mktemp("applications"))


@pytest.fixture(scope="module")
def written(tiny, tmp_path_factory):
    """A folder with all that an application writes; no test changes it, which is what they say."""
    place = tmp_path_factory.mktemp("written")
    for write in WRITES.values():
        write(tiny.app, place)
    return place


@contextlib.contextmanager
def full_disk(limit=300):
    """No file may grow beyond `limit` bytes."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def content(folder):
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_a_full_disk_is_told_and_what_was_written_before_stays(tiny, written):
    before = content(written)
    for what, write in WRITES.items():
        with pytest.raises(OSError, match="File too large") as told, full_disk():
            write(tiny.app, written)
        assert str(written) in str(told.value), what
        assert content(written) == before, what


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_half_written(tiny, tmp_path):
    for what, write in WRITES.items():
        with pytest.raises(OSError, match="File too large"), full_disk():
            write(tiny.app, tmp_path)
        assert content(tmp_path) == {}, what


@pytest.mark.slow
@pytest.mark.parametrize("call", ["fsync", "replace", "rename"])
def test_an_interrupt_leaves_what_was_written_before(tiny, written, call):
    """By control-C as a file is synced, takes its place, or as a folder does."""
    before = content(written)

    def interrupt(*_):
        raise KeyboardInterrupt

    for what, write in WRITES.items():
        if (call == "rename") == (what == "export"):
            with mock.patch.object(os, call, interrupt), pytest.raises(KeyboardInterrupt):
                write(tiny.app, written)
            assert content(written) == before, what


@pytest.mark.slow
def test_an_interrupt_between_the_two_moves_of_an_export_brings_the_old_one_back(tiny, written):
    before, rename = content(written), os.rename
    moves = iter([rename, None])

    def interrupted(*paths):
        move = next(moves, rename)
        if move is None:
            raise KeyboardInterrupt
        move(*paths)

    with mock.patch.object(os, "rename", interrupted), pytest.raises(KeyboardInterrupt):
        tiny.app.export(written / "served")
    assert content(written) == before


@pytest.fixture(scope="module")
def open_place():
    """A folder that other users can read: those of pytest are closed."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@contextlib.contextmanager
def nobody():
    """Without the rights of root, whom nothing is forbidden."""
    if not hasattr(os, "geteuid"):
        pytest.skip("this system knows no users")
    user = os.geteuid()
    "".encode("utf-8-sig")  # root's folders may hold the standard library: what is needed is imported first
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def secret(path, data=b"x"):
    """A file that may not be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0)


@pytest.mark.slow
def test_places_that_may_not_be_written_are_named(tiny, open_place):
    locked = open_place / tiny.folder.name
    locked.mkdir()
    locked.chmod(0o555)
    for what, write in WRITES.items():
        with nobody(), pytest.raises(OSError, match="Permission denied") as told:
            write(tiny.app, locked)
        assert str(locked) in str(told.value), what
        assert content(locked) == {}


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_files_that_may_not_be_read_are_named(tiny, open_place, name):
    folder = shutil.copytree(tiny.folder, open_place / f"{tiny.folder.name}-{name}")
    (folder / name).chmod(0)
    with nobody(), pytest.raises(OSError, match="Permission denied") as told:
        type(tiny.app).from_pretrained(folder)
    assert name in str(told.value)


@pytest.fixture(scope="module")
def saved(open_place):
    """Name -> folder of an application."""
    known = {}

    def folder(name):
        if name not in known:
            known[name] = Tiny(name, open_place).folder
        return known[name]

    return folder


TABLE = b"text,label\n" + b"".join(b"film %d,positive\nno %d,negative\n" % (i, i) for i in range(15))


@pytest.fixture(scope="module")
def desk(open_place):
    """A folder to run commands in: good files, some that may not be read, a place that may not be written."""
    desk = open_place / "desk"
    desk.mkdir()
    desk.chmod(0o777)
    (desk / "good.csv").write_bytes(TABLE)
    (desk / "good.txt").write_bytes(b"a film\n" * 40)
    soundfile.write(desk / "good.wav", np.zeros(8000, "float32"), 8000)
    for name in ("secret.csv", "secret.txt", "secret.png", "secret.wav", "secret.keras", "secret/a"):
        secret(desk / name, TABLE)
    (desk / "secret").chmod(0)
    (desk / "locked").mkdir()
    (desk / "locked").chmod(0o555)
    (desk / "run").mkdir()
    (desk / "run" / "log.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n')
    return desk


FIT = "fit text_fine_tune --data good.csv --set start={text_classifier} --set epochs=1 --set batch_size=8"
SOUND = "--weights {speech_recognizer}"

# Command -> what its one line says.
FULL = {
    f"{FIT} --out run1": "run1/.* was not written and nothing was left there: File too large",
    "embed good.txt --weights {text_encoder} --out v.npy": "v.npy was not written and nothing was left there",
    "export {text_classifier} served": "served.*File too large",
    "report run --out curves": "curves/.*was not written and nothing was left there: File too large",
    f"transcribe good.wav {SOUND} --picture p.png": "p.png was not written and nothing was left there",
    "speak good.txt --out spoken --voices flite:slt": "expected sound from 'flite:slt'",
    "evaluate {text_classifier} --data good.csv --picture c.png": "c.png.*File too large",
}
DENIED = {
    f"{FIT} --out locked/run": "out: expected a folder, or that one can be made, at 'locked/run': Permission",
    "fit text_fine_tune --out run2 --data secret.csv": "secret.csv.*Permission denied|Permission.*secret.csv",
    "fit text_fine_tune --out run2 --data secret": "secret",
    "fit image_fine_tune --out run3 --data secret": "secret",
    "fit speech_fine_tune --out run4 --data secret.csv": "secret.csv",
    "evaluate secret.keras --data good.csv": "secret.keras",
    "evaluate {text_classifier} --data secret.csv": "secret.csv",
    "predict secret.png --weights {image_classifier}": "row 0, found 'secret.png': .*Permission denied",
    f"predict secret.wav {SOUND}": "secret.wav",
    f"transcribe secret.wav {SOUND}": "secret.wav",
    f"transcribe good.wav {SOUND} --out locked/texts": "locked/texts.*Permission denied",
    "embed secret.txt --weights {text_encoder}": "secret.txt",
    "embed good.txt --weights {text_encoder} --out locked/v.npy": "locked/v.npy.*Permission denied",
    "score {text_generator} secret.txt": "secret.txt",
    "speak secret.txt --out spoken": "secret.txt",
    "speak good.txt --out locked/spoken --voices flite:slt": "Permission denied: 'locked/spoken'",
    "export {text_classifier} locked/served": "locked/served.*Permission denied",
    "export secret.keras served": "secret.keras",
    "report run --out locked/report": "locked/report.*Permission denied",
    "report secret": "secret",
    "quickstart --out locked/quick": "locked/quick.*Permission denied",
}


def prepared(command, saved):
    """The command as a function without arguments."""
    for name in NAMES:
        if f"{{{name}}}" in command:
            command = command.replace(f"{{{name}}}", str(saved(name)))
    return lambda: CliRunner().invoke(main, command.split())


def check(result, expected):
    """One line that says so, exit code 2, no traceback."""
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 2, result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, result.output
    assert "Traceback" not in result.output
    assert re.search(expected, errors[0]), errors[0]


@pytest.mark.parametrize("command", FULL)
def test_a_full_disk_ends_a_command_with_one_line(command, desk, saved, monkeypatch):
    if "flite" in command and not shutil.which("flite"):
        pytest.skip("flite is not installed")
    monkeypatch.chdir(desk)
    run, before = prepared(command, saved), content(desk)
    with full_disk(60):
        result = run()
    check(result, FULL[command])
    assert before.items() <= content(desk).items()


@pytest.mark.parametrize("command", DENIED)
def test_what_is_forbidden_ends_a_command_with_one_line(command, desk, saved, monkeypatch):
    if "flite" in command and not shutil.which("flite"):
        pytest.skip("flite is not installed")
    monkeypatch.chdir(desk)
    run, before = prepared(command, saved), content(desk)
    with nobody():
        result = run()
    check(result, DENIED[command])
    assert before == {path: data for path, data in content(desk).items() if path in before}


def test_files_of_the_desk_are_closed(desk):
    """So that the rows above try what they say."""
    assert stat.S_IMODE((desk / "secret.csv").stat().st_mode) == 0
    with nobody(), pytest.raises(PermissionError):
        (desk / "secret.csv").read_bytes()
    with nobody(), pytest.raises(PermissionError):
        (desk / "locked" / "a").write_bytes(b"")
