"""Recordings with transcripts in the file shapes people have: manifests, LibriSpeech, Common Voice.

Every reader gives an `AudioDataset`, whose audio and texts go into `fit` as they stand. Sound itself is not
read here.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from zoo.datasets.audio_dataset import AudioDataset
from zoo.datasets.text_dataset import held_out
from zoo.datasets.text_files import json_lines
from zoo.files import read_text

AUDIO_COLUMNS = ("path", "audio", "audio_filepath", "audio_path", "wav_filename", "wav", "file_name", "file")
TEXT_COLUMNS = ("transcript", "transcription", "sentence", "text")
SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id")
TABLES, JSON_LINES = (".csv", ".tsv"), (".jsonl", ".ndjson")
IN_FOLDER = tuple(f"{stem}{end}" for stem in ("manifest", "metadata") for end in (".jsonl", ".csv", ".tsv"))
COMMON_VOICE = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}


def read_speech(
    path: str | os.PathLike,
    split: str | None = None,
    validation_fraction: float = 0.0,
    seed: int = 0,
    split_by: str = "text",
) -> AudioDataset:
    """A manifest or a folder of recordings with their transcripts.

    | path                                 | what                                                      |
    |--------------------------------------|-----------------------------------------------------------|
    | .csv, .tsv with a header, .jsonl     | a column of audio paths ("path", "audio_filepath", ...),  |
    |                                      | one of transcripts ("transcript", "text", "sentence",     |
    |                                      | ...); maybe "speaker"; maybe "offset" and "duration" in   |
    |                                      | seconds, the part of the file that the row is about       |
    | a folder with manifest.jsonl,        | the same                                                  |
    | metadata.csv or the like in it       |                                                           |
    | LibriSpeech: speaker/chapter/*.flac  | and *.trans.txt beside them; texts come in lower case     |
    | Common Voice: clips/ and *.tsv       | train.tsv, dev.tsv and test.tsv are its splits            |

    Args:
        path: one of these. Paths in a manifest count from its folder.
        split: None for all, "train" or "validation"; "test" of Common Voice.
        validation_fraction: share of "validation" where the files have no such split of their own.
        seed: another seed holds out others.
        split_by: "text": equal transcripts are on one side; "speaker": a speaker is on one side.

    Returns: AudioDataset; audio are paths, or {"path", "offset", "duration"} for parts of files.

    Raises:
        FileNotFoundError: there is nothing at `path`, or a recording is missing, which is named.
        ValueError: no such shape, an unknown column, an empty transcript, with the line.

    Example:
        >>> _ = Path("a.wav").write_bytes(b""), Path("m.csv").write_text("path,transcript\\na.wav,hello\\n")
        >>> read_speech("m.csv").texts
        ['hello']
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"path: expected a manifest or a folder, found nothing at {path}")
    if split not in (None, "train", "validation", "test"):
        raise ValueError(f"split: expected None, 'train', 'validation' or 'test', found {split!r}")
    if split_by not in ("text", "speaker"):
        raise ValueError(f"split_by: expected 'text' or 'speaker', found {split_by!r}")
    if path.is_dir() and (path / "clips").is_dir() and any(path.glob("*.tsv")):
        own = COMMON_VOICE.get(split)
        if own and (path / own).is_file():
            return _dataset(_common_voice(path, own), path, split)
        rows = _common_voice(path)
    else:
        rows = _reader(path)(path)
    if split is None:
        return _dataset(rows, path, "")
    keys = [text if split_by == "text" else speaker for _, text, speaker in rows]
    held = held_out(keys, validation_fraction, seed)
    if split == "test" or not (held == (split == "validation")).any():
        raise ValueError(
            f"split: {split!r} of {path} is empty with validation_fraction={validation_fraction} of "
            f"{len(set(keys))} {split_by}s"
        )
    chosen = [row for row, out in zip(rows, held, strict=True) if out == (split == "validation")]
    return _dataset(chosen, path, split)


def holds_speech(path: str | os.PathLike) -> bool:
    """Whether `read_speech` is the reader for `path`: by its header, or by what the folder holds."""
    path = Path(path)
    if path.is_dir():
        return _reader(path, default=None) is not None
    if not path.is_file() or path.suffix.lower() not in (*TABLES, *JSON_LINES):
        return False
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
    if path.suffix.lower() in TABLES:
        names = next(csv.reader([first], delimiter=_delimiter(path)), [])
    else:
        try:
            names = list(json.loads(first))
        except (ValueError, TypeError):
            return False
    return bool({*AUDIO_COLUMNS} & {*names} and {*TEXT_COLUMNS} & {*names})


def _reader(path: Path, default=...) -> Callable[[Path], list]:
    """The function that reads rows (audio, text, speaker) from `path`."""
    if path.suffix.lower() in (*TABLES, *JSON_LINES) and path.is_file():
        return _manifest
    if path.is_dir():
        manifest = next((path / name for name in IN_FOLDER if (path / name).is_file()), None)
        if manifest is not None and holds_speech(manifest):
            return lambda _: _manifest(manifest)
        if (path / "clips").is_dir() and any(path.glob("*.tsv")):
            return _common_voice
        if any(True for _ in path.rglob("*.trans.txt")):
            return _librispeech
    if default is ...:
        raise ValueError(
            f"path: expected a manifest (.csv, .tsv, .jsonl), or a folder with {', '.join(IN_FOLDER[:2])}, "
            f"LibriSpeech's *.trans.txt or Common Voice's clips/ and train.tsv, found {path}"
        )
    return default


def _dataset(rows, path, split):
    audio, texts, speakers = (list(column) for column in zip(*rows, strict=True))
    return AudioDataset(audio, texts, speakers, path.stem, split, "")


def _delimiter(path):
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _manifest(path: Path) -> list:
    records = list(_records(path))
    if not records:
        raise ValueError(f"{path}: expected at least one row, found none")
    names = list(records[0][1])
    audio, text = (
        _column(names, usual, path, what)
        for usual, what in ((AUDIO_COLUMNS, "audio paths"), (TEXT_COLUMNS, "transcripts"))
    )
    speaker = next((name for name in SPEAKER_COLUMNS if name in names), None)
    rows, missing = [], []
    for line, record in records:
        file = path.parent / _text(record, audio, path, line)
        if not file.is_file():
            missing.append((line, file))
        words = _text(record, text, path, line).strip()
        part = _part(record, str(file), path, line)
        rows.append((part, words, str(record.get(speaker) or "") if speaker else ""))
    _refuse_missing(missing, path)
    return rows


def _text(record, column, path, line):
    value = record.get(column)
    if not isinstance(value, str) or not value.strip():
        what = "an empty one" if isinstance(value, str) else repr(value)
        raise ValueError(f"{path}: expected a text as {column!r} in line {line}, found {what}")
    return value


def _part(record, file, path, line):
    """The path, or with an offset the part of the file; a duration alone describes the whole file."""
    values = {}
    for column in ("offset", "duration"):
        value = record.get(column)
        if value in (None, ""):
            continue
        try:
            values[column] = float(value)
        except (TypeError, ValueError):
            values[column] = -1.0
        if not 0 <= values[column] < float("inf"):
            raise ValueError(
                f"{path}: expected seconds of at least 0 as {column!r} in line {line}, found {value!r}"
            )
    return {"path": file, **values} if "offset" in values else file


def _records(path):
    """(line number, record) of a table with a header or of JSON lines."""
    if path.suffix.lower() in TABLES:
        csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        delimiter = _delimiter(path)
        # A TSV has no quoting: a lone quotation mark is text.
        quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
        rows = csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, quoting=quoting)
        for row in rows:
            if None in row:
                raise ValueError(
                    f"{path}: expected {len(rows.fieldnames)} cells as in its header in line "
                    f"{rows.line_num}, found more"
                )
            yield rows.line_num, row
        return
    yield from json_lines(path)


def _column(names, usual, path, what):
    found = next((name for name in usual if name in names), None)
    if found is None:
        raise ValueError(f"{path}: expected a column of {what}, called one of {usual}, found {names}")
    return found


def _refuse_missing(missing, path):
    if missing:
        line, file = missing[0]
        more = f", and {len(missing) - 1} more are missing" if len(missing) > 1 else ""
        raise FileNotFoundError(f"{path}: expected a recording in line {line}, found none at {file}{more}")


def _common_voice(path: Path, *names: str) -> list:
    """Rows of the named tables; of validated.tsv, or train, dev and test together, where none is named."""
    if not names:
        whole = path / "validated.tsv"
        names = [whole.name] if whole.is_file() else COMMON_VOICE.values()
        names = [name for name in names if (path / name).is_file()]
    if not names:
        raise ValueError(
            f"path: expected train.tsv, dev.tsv, test.tsv or validated.tsv in {path}, found none"
        )
    rows = []
    for table in (path / name for name in names):
        missing = []
        for line, record in _records(table):
            file = path / "clips" / _text(record, "path", table, line)
            if not file.is_file():
                missing.append((line, file))
            text = _text(record, "sentence", table, line).strip()
            rows.append((str(file), text, str(record.get("client_id") or "")))
        _refuse_missing(missing, table)
    if not rows:
        raise ValueError(f"{path}: expected at least one row in {', '.join(names)}, found none")
    return rows


def _librispeech(path: Path) -> list:
    """speaker/chapter/speaker-chapter.trans.txt: "ID TEXT" a line, ID.flac (or .wav, .ogg) beside it."""
    rows = []
    for table in sorted(path.rglob("*.trans.txt")):
        files = {file.stem: file for file in table.parent.iterdir() if file.suffix != ".txt"}
        missing = []
        for line, content in enumerate(read_text(table).splitlines(), 1):
            name, _, text = content.partition(" ")
            if not content.strip():
                continue
            if not text.strip():
                raise ValueError(
                    f"{table}: expected a text after {name!r} in line {line}, found an empty one"
                )
            if name not in files:
                missing.append((line, table.parent / f"{name}.flac"))
                continue
            rows.append((str(files[name]), text.strip().lower(), name.split("-")[0]))
        _refuse_missing(missing, table)
    if not rows:
        raise ValueError(f"{path}: expected lines in its *.trans.txt, found none")
    return rows
