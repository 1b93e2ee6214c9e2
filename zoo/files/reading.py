"""Text and JSON files of other people: what is wrong with one is said with its path."""

from __future__ import annotations

import json
import os
from pathlib import Path


def read_text(path: str | os.PathLike) -> str:
    """The text of a UTF-8 file, without a byte order mark; ends of lines stay as they are.

    Raises:
        ValueError: it is no UTF-8, with the line.
        OSError: it cannot be read.
    """
    return decoded(Path(path).read_bytes(), path)


def decoded(data: bytes, path: str | os.PathLike) -> str:
    """UTF-8 bytes that come from `path` as text; see `read_text`."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = data[error.start : error.start + 1]
        raise ValueError(f"{path}: expected UTF-8, found byte {found!r} in line {line}") from error


def read_json(path: str | os.PathLike, missing: dict | None = None) -> dict:
    """The JSON object in a file.

    Args:
        path: the file, UTF-8.
        missing: what to give where there is no such file; None for an OSError.

    Raises: ValueError for another text, with the place.

    Example:
        >>> _ = Path("config.json").write_text('["hidden_dim", 64]')
        >>> read_json("config.json")
        Traceback (most recent call last):
        ValueError: config.json: expected a JSON object, found a list
    """
    path = Path(path)
    if missing is not None and not path.is_file():
        return missing
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: expected JSON, found {str(error)!r}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, found a {type(value).__name__}")
    return value
