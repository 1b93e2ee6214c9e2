"""Texts with labels in the file shapes people have: tables, JSON lines, CoNLL columns, SQuAD, folders.

Every reader gives a `TextDataset`, whose x and y go into `fit` as they stand.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from zoo.datasets.text_dataset import TextDataset, class_numbers, held_out
from zoo.files import read_json, read_text

TEXT_COLUMNS = ("text", "sentence", "review", "content", "sentence1", "first")
SECOND_COLUMNS = ("text2", "sentence2", "second", "hypothesis")
LABEL_COLUMNS = ("label", "labels", "class", "category", "sentiment", "score", "target")
SUFFIXES = {
    ".csv": "table",
    ".tsv": "table",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".conll": "columns",
    ".iob": "columns",
    ".bio": "columns",
    ".json": "squad",
}


def read_texts(
    path: str | os.PathLike,
    split: str | None = None,
    validation_fraction: float = 0.0,
    seed: int = 0,
    **columns: str | None,
) -> TextDataset:
    """A file of any of the shapes below, by its ending, or a folder of class folders of .txt files.

    Args:
        path: .csv, .tsv, .jsonl, .conll (also .iob, .bio), .json (SQuAD) or a folder.
        split: None for all, or "train" or "validation".
        validation_fraction: share of "validation". Which examples it gets depends on their text and `seed`
            only, so no text is in both.
        seed: another seed holds out others.
        **columns: of the reader: `text`, `label`, `second`, ...

    Raises:
        FileNotFoundError: there is nothing at `path`.
        ValueError: another ending, or a file that is not what its ending says, with the line.

    Example:
        >>> _ = Path("films.csv").write_text("text,label\\na gripping film,good\\ntoo long,bad\\n")
        >>> x, y = read_texts("films.csv")
        >>> x, y.tolist(), read_texts("films.csv").label_names
        (['a gripping film', 'too long'], [1, 0], ('bad', 'good'))
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"path: expected a file or a folder, found nothing at {path}")
    if path.is_dir():
        data = read_folder(path)
    else:
        kind = SUFFIXES.get(path.suffix.lower())
        readers = {
            "table": read_table,
            "json lines": read_json_lines,
            "columns": read_columns,
            "squad": read_squad,
        }
        if kind is None:
            raise ValueError(
                f"path: expected a file that ends with one of {', '.join(SUFFIXES)}, found {path}"
            )
        data = readers[kind](path, **columns)
    if split is None:
        return data
    if split not in ("train", "validation"):
        raise ValueError(f"split: expected None, 'train' or 'validation', found {split!r}")
    held = held_out([repr(example) for example in data.examples], validation_fraction, seed)
    data = data.part(held if split == "validation" else ~held, split)
    if not len(data):
        raise ValueError(
            f"split: {split!r} of {path} is empty with validation_fraction={validation_fraction}"
        )
    return data


def read_table(
    path: str | os.PathLike,
    text: str | None = None,
    label: str | None = None,
    second: str | None = None,
    delimiter: str | None = None,
) -> TextDataset:
    """CSV or TSV with a header line, in UTF-8.

    Args:
        path: the file.
        text, label, second: names of columns; by default those usually called so ("text", "label", ...).
            With a second text the examples are pairs.
        delimiter: by default a tab in files called .tsv, else a comma.
    """
    path = Path(path)
    delimiter = delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    # A TSV has no quoting: a lone quotation mark is text.
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    rows = csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, quoting=quoting)
    return _from_records(_table_rows(rows, path), path, text, label, second, rows.fieldnames or [])


def _table_rows(rows, path):
    for row in rows:
        if None in row or None in row.values():
            raise ValueError(
                f"{path}: expected {len(rows.fieldnames)} cells as in its header, found another number "
                f"in line {rows.line_num}"
            )
        yield rows.line_num, row


def read_json_lines(
    path: str | os.PathLike, text: str | None = None, label: str | None = None, second: str | None = None
) -> TextDataset:
    """One JSON object a line; the arguments as of `read_table`. A label may be a list of names."""
    path = Path(path)
    records = list(json_lines(path))
    return _from_records(records, path, text, label, second, list(records[0][1]) if records else [])


def json_lines(path: str | os.PathLike) -> Iterator[tuple[int, dict]]:
    """Number of the line and the object in it, for each line of a file that is not empty."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}: expected JSON in line {number}, found {error}") from error
        if not isinstance(record, dict):
            raise ValueError(f"{path}: expected an object in line {number}, found {line.strip()[:40]!r}")
        yield number, record


def _from_records(
    records: Iterable[tuple[int, Mapping]], path: Path, text, label, second, names: list[str]
) -> TextDataset:
    text = _column("text", text, TEXT_COLUMNS, names, path)
    label = _column("label", label, LABEL_COLUMNS, names, path)
    if second is None:
        second = next((name for name in SECOND_COLUMNS if name in names), None)
    examples, labels = [], []
    for number, record in records:
        for column in filter(None, (text, label, second)):
            if column not in record:
                raise ValueError(f"{path}: expected {column!r} in line {number}, found {sorted(record)}")
        for column in filter(None, (text, second)):
            if not isinstance(record[column], str):
                raise ValueError(
                    f"{path}: expected a string as {column!r} in line {number}, found {record[column]!r}"
                )
        if record[label] is None or record[label] == "":
            raise ValueError(f"{path}: expected a label as {label!r} in line {number}, found an empty one")
        examples.append((record[text], record[second]) if second else record[text])
        labels.append(record[label])
    if not examples:
        raise ValueError(f"{path}: expected at least one example, found none")
    return TextDataset(examples, *_labels(labels), name=path.stem)


def _column(argument, name, usual, names, path):
    if name is None:
        name = next((column for column in usual if column in names), None)
        if name is None:
            raise ValueError(f"{argument}: expected a column called one of {usual} in {path}, found {names}")
    elif name not in names:
        raise ValueError(f"{argument}: expected a column of {path}, one of {names}, found {name!r}")
    return name


def _labels(labels):
    """(labels, label names): numbers with a fraction stay numbers, lists stay lists, the rest are classes."""
    if any(isinstance(label, list) for label in labels):
        return labels, tuple(sorted({str(name) for names in labels for name in names}))
    texts = [label if isinstance(label, str) else repr(label) for label in labels]
    try:
        numbers = np.array([float(text) for text in texts], "float32")
    except ValueError:
        return class_numbers(texts)
    if (numbers != np.floor(numbers)).any():
        return numbers, ()
    whole = sorted({int(number) for number in numbers})
    return np.searchsorted(whole, numbers).astype("int32"), tuple(str(number) for number in whole)


def read_columns(
    path: str | os.PathLike, word: int = 0, label: int = -1, delimiter: str | None = None
) -> TextDataset:
    """CoNLL columns: a word and its labels a line, an empty line between sentences.

    Args:
        path: the file, UTF-8. Lines that begin with "-DOCSTART-" or "# " are left out.
        word, label: numbers of the columns, from 0; negative ones count from the right.
        delimiter: between columns; any white space by default.

    Returns: TextDataset whose examples are lists of words and whose labels are lists of names.
    """
    path = Path(path)
    examples, labels, words, tags, width = [], [], [], [], None
    for number, line in enumerate([*read_text(path).split("\n"), ""], 1):
        line = line.rstrip("\r")
        if not line.strip() or line.startswith("-DOCSTART-"):
            if words:
                examples.append(words)
                labels.append(tags)
            words, tags = [], []
            continue
        cells = line.split(delimiter)
        if line.startswith("# ") and len(cells) != width:
            continue
        width = width or len(cells)
        if len(cells) != width or width < 2:
            raise ValueError(
                f"{path}: expected {max(width, 2)} columns in line {number}, found {len(cells)} in "
                f"{line!r:.60}"
            )
        for argument, column in (("word", word), ("label", label)):
            if not -width <= column < width:
                raise ValueError(f"{argument}: expected a column of {path}, 0..{width - 1}, found {column}")
        words.append(cells[word])
        tags.append(cells[label])
    if not examples:
        raise ValueError(f"{path}: expected at least one sentence, found none")
    names = tuple(sorted({tag for tags in labels for tag in tags}))
    return TextDataset(examples, labels, names, path.stem)


def read_squad(path: str | os.PathLike) -> TextDataset:
    """SQuAD's JSON (versions 1.1 and 2.0).

    Returns: TextDataset of {"question", "context"} dicts; labels are lists of {"text", "start"} answers,
    start in characters of the context, empty for questions without an answer.
    """
    path = Path(path)
    articles, examples, labels = read_json(path).get("data"), [], []
    try:
        for article in articles:
            for paragraph in article["paragraphs"]:
                for entry in paragraph["qas"]:
                    examples.append({"question": entry["question"], "context": paragraph["context"]})
                    answers = [] if entry.get("is_impossible") else entry.get("answers", [])
                    labels.append([{"text": a["text"], "start": a["answer_start"]} for a in answers])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected SQuAD's JSON (data, paragraphs, qas), found {error!r}") from error
    if not examples:
        raise ValueError(f"{path}: expected at least one question, found none")
    return TextDataset(examples, labels, name=path.stem)


def read_folder(path: str | os.PathLike) -> TextDataset:
    """A folder of .txt files, UTF-8: of class folders, `mails/ham/1.txt`, `mails/spam/2.txt`; or of the files
    themselves, documents whose labels are None.
    """
    path = Path(path)
    files = sorted(path.glob("*.txt"))
    if files:
        texts = [file.read_text("utf-8", errors="replace") for file in files]
        return TextDataset(texts, None, (), path.name)
    names = sorted(entry.name for entry in path.iterdir() if entry.is_dir() and entry.name[0] != ".")
    texts, labels = [], []
    for name in names:
        files = sorted((path / name).rglob("*.txt"))
        if not files:
            raise ValueError(
                f"path: expected .txt files in every class folder of {path}, found none in {name!r}"
            )
        texts += [file.read_text("utf-8", errors="replace") for file in files]
        labels += [name] * len(files)
    if len(names) < 2:
        raise ValueError(f"path: expected at least two class folders in {path}, found {names}")
    return TextDataset(texts, *class_numbers(labels), path.name)
