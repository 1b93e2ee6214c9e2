"""Files that are either the old one or the new one, never half of each, and folders for them."""

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path in the same folder that takes the place of `path` when the block ends well.

    The new file is synced to disk before the rename. When the block raises (a full disk, an interrupt) the
    temporary file is removed and what was at `path` stays; a killed process leaves the old file and a hidden
    `.NAME.*.tmp` beside it.

    Args:
        path: the file to write; its folder must exist. Of a symbolic link, the file it points to.

    Yields: a path with the suffix of `path`, which the block must write.

    Raises:
        ValueError: the folder does not exist, or `path` is a folder.
        OSError: the write failed; the message names `path` and says that it is unchanged.

    Example:
        >>> with atomic_path("notes.txt") as partial:  # doctest: +SKIP
        ...     partial.write_text("all or nothing")
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise ValueError(f"path: expected a file, found the folder {target}")
    if not target.parent.is_dir():
        raise ValueError(
            f"path: expected a file in an existing folder, found {target}; create its folder first"
        )
    partial = target.with_name(f".{target.stem}.{os.getpid()}-{secrets.token_hex(4)}.tmp{target.suffix}")
    try:
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            state = "the file there is unchanged" if target.exists() else "nothing was left there"
            message = f"{target} was not written and {state}: {error.strerror}"
            raise OSError(error.errno, message) from error
        raise
    _sync_folder(target.parent)


@contextlib.contextmanager
def atomic_files(folder: str | os.PathLike) -> Iterator[Path]:
    """A temporary folder whose files move into `folder`, which exists, when the block ends well.

    All are on disk before the first one moves. When the block raises, nothing in `folder` has changed.

    Yields: an empty folder inside of `folder`, for the block to write files in.

    Raises: OSError: the write failed; the message names `folder` and says that it is unchanged.

    Example:
        >>> with atomic_files(".") as staging:  # doctest: +SKIP
        ...     (staging / "a.txt").write_text("both")
        ...     (staging / "b.txt").write_text("or none")
    """
    folder, staging = Path(folder), None
    try:
        staging = Path(tempfile.mkdtemp(prefix=".", suffix=".tmp", dir=folder))
        yield staging
        files = sorted(staging.iterdir())
        for path in files:
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
        for path in files:
            os.replace(path, folder / path.name)
    except OSError as error:
        if error.errno is None:
            raise
        reason = os.strerror(error.errno)
        message = f"folder: {str(folder)!r} was not written and the files there are unchanged: {reason}"
        raise OSError(error.errno, message) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    _sync_folder(folder)


def make_folder(path: str | os.PathLike, argument: str = "folder") -> Path:
    """Makes the folder `path`, and those above it, where it is missing.

    Raises: OSError that names `argument` and the folder.

    Example:
        >>> make_folder(__file__, "out")  # doctest: +SKIP
        OSError: [Errno 17] out: expected a folder, or that one can be made, at 'run.py': File exists
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{argument}: expected a folder, or that one can be made, at {str(path)!r}"
        raise OSError(error.errno, f"{message}: {error.strerror}") from error
    return folder


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself durable, where the system can open a folder."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
