"""Tokens of a corpus in a folder, read by memory map: training on more text than fits into memory.

Shapes: M tokens of all documents, N documents.
"""

import hashlib
import json
import os
import pathlib

import numpy as np

from zoo.files import make_folder

TOKENS, STARTS, ABOUT = "tokens.bin", "starts.npy", "about.json"
BATCH = 1024  # documents that are encoded at once


class TokenFile:
    """What `zoo.preprocessing.packing.token_stream` makes of a list of documents, on disk.

    Args:
        folder: written by `TokenFile.write`.

    Attributes:
        stream: ids [M], number of the document [M], whether the token is a target [M], for `packed_rows`.

    Raises: ValueError where there is no such folder, or one of its files has another length than it says.

    Example:
        >>> import tempfile
        >>> from zoo.preprocessing import BytePair
        >>> folder = tempfile.mkdtemp()
        >>> tokens = TokenFile.write(folder, (text for text in ["to be", "or not"]), BytePair.of_bytes())
        >>> len(tokens), tokens.stream[0][:3].tolist(), tokens.stream[1][[0, 5, 6]].tolist()
        (14, [256, 116, 111], [0, 0, 1])
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        try:
            about = json.loads((self.folder / ABOUT).read_text(encoding="utf-8"))
            dtype, count = np.dtype(about["dtype"]), int(about["tokens"])
            self.vocabulary = about["vocabulary"]
            starts = np.load(self.folder / STARTS)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"folder: expected one that TokenFile.write made, found {str(folder)!r} ({error})"
            ) from error
        size = os.path.getsize(self.folder / TOKENS) if (self.folder / TOKENS).exists() else 0
        if size != (expected := count * dtype.itemsize):
            raise ValueError(
                f"folder: expected {expected} bytes in {TOKENS}, found {size} in {str(folder)!r}"
            )
        ids = np.memmap(self.folder / TOKENS, dtype, "r", shape=(count,))
        self.stream = ids, _Numbers(starts, count), np.broadcast_to(np.True_, (count,))

    def __len__(self):
        return len(self.stream[0])

    @classmethod
    def write(cls, folder, documents, preprocessor):
        """Encodes documents into `folder`, some at a time.

        Args:
            folder: made where it does not exist; a corpus in it is written over.
            documents: strings, any iterable: a generator that reads files keeps memory small.
            preprocessor: a `BytePair`.

        Returns: the `TokenFile`.
        """
        folder = make_folder(folder)
        (folder / ABOUT).unlink(missing_ok=True)  # without it a corpus that is half written is none
        dtype = np.dtype("uint16" if len(preprocessor) <= 2**16 else "int32")
        starts, count, end = [], 0, np.array([preprocessor.end_id], dtype)
        with (folder / TOKENS).open("wb") as file:
            for texts in _some(documents):
                for ids in preprocessor.encode(texts):
                    starts.append(count)
                    end.tofile(file)
                    np.asarray(ids, dtype).tofile(file)
                    count += 1 + len(ids)
            if count == len(starts):
                raise ValueError("documents: expected some text, found empty documents only")
            end.tofile(file)
        np.save(folder / STARTS, np.array(starts, "int64"))
        about = {"dtype": dtype.name, "tokens": count + 1, "vocabulary": fingerprint(preprocessor)}
        (folder / ABOUT).write_text(json.dumps(about) + "\n", encoding="utf-8")
        return cls(folder)

    def stream_for(self, preprocessor):
        """`stream`; ValueError where another vocabulary made these ids."""
        if self.vocabulary != fingerprint(preprocessor):
            raise ValueError(
                f"x: expected tokens of this application's vocabulary, found those of another one in "
                f"{str(self.folder)!r}"
            )
        return self.stream


class _Numbers:
    """The document of each token, int32 [M], from where the documents start, int64 [N]."""

    def __init__(self, starts, count):
        self.starts, self.count = starts, count

    def __len__(self):
        return self.count

    def __getitem__(self, places):
        places = np.asarray(places) % self.count  # -1 is the last one
        return (np.searchsorted(self.starts, places, side="right") - 1).astype("int32")


def fingerprint(preprocessor):
    """A hash of the tokens by id, hexadecimal."""
    return hashlib.sha256("\n".join(preprocessor.vocabulary).encode()).hexdigest()[:16]


def _some(documents):
    """Lists of at most BATCH documents."""
    batch = []
    for text in documents:
        batch.append(text)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
