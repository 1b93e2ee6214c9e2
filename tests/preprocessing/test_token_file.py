import json

import numpy as np
import pytest
import tensorflow as tf

from zoo.preprocessing import BytePair
from zoo.preprocessing.packing import packed_rows, token_stream
from zoo.preprocessing.token_file import TokenFile

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

TEXTS = ["to be or not to be", "", "that is the question", "words, words, words"] * 9


@pytest.fixture
def tokens():
    return BytePair.of_bytes()


def batches(stream, seed=0, shuffle=True):
    np.random.seed(seed)  # noqa: NPY002 - the state that a run sets
    return [tf.nest.map_structure(np.array, batch) for batch in packed_rows(stream, 16, 4, shuffle)]


def test_rows_from_disk_equal_rows_from_memory(tokens, tmp_path):
    stream = TokenFile.write(tmp_path, iter(TEXTS), tokens).stream
    expected = token_stream(tokens.encode(TEXTS), tokens.end_id)
    assert isinstance(stream[0], np.memmap)
    for mine, theirs in zip(stream, expected, strict=True):
        assert len(mine) == len(theirs)
        np.testing.assert_array_equal(mine[np.arange(len(theirs))], theirs)
    for shuffle in (False, True):
        found, wanted = batches(stream, shuffle=shuffle), batches(expected, shuffle=shuffle)
        tf.nest.map_structure(np.testing.assert_array_equal, found, wanted)


def test_the_order_is_the_seeds(tokens, tmp_path):
    stream = TokenFile.write(tmp_path, TEXTS, tokens).stream
    first, again, other = (batches(TokenFile(tmp_path).stream, seed) for seed in (3, 3, 4))
    tf.nest.map_structure(np.testing.assert_array_equal, first, again)
    assert not np.array_equal(first[0][1], other[0][1])
    assert len(first) == len(batches(stream))


def test_documents_come_a_few_at_a_time(tokens, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.preprocessing.token_file.BATCH", 5)
    sizes = []
    encode = tokens.encode
    monkeypatch.setattr(tokens, "encode", lambda texts: sizes.append(len(texts)) or encode(texts))
    TokenFile.write(tmp_path, iter(TEXTS), tokens)
    assert sizes == [5] * 7 + [1]


def test_damaged_and_foreign_folders_are_named(tokens, tmp_path):
    with pytest.raises(ValueError, match="folder: expected one that TokenFile.write made"):
        TokenFile(tmp_path)
    with pytest.raises(ValueError, match="documents: expected some text"):
        TokenFile.write(tmp_path, ["", ""], tokens)
    file = TokenFile.write(tmp_path, TEXTS, tokens)
    with pytest.raises(ValueError, match="x: expected tokens of this application's vocabulary"):
        file.stream_for(BytePair.train(TEXTS, 270))
    with (tmp_path / "tokens.bin").open("ab") as target:
        target.write(b"\0")
    with pytest.raises(ValueError, match="folder: expected [0-9]+ bytes in tokens.bin, found"):
        TokenFile(tmp_path)
    (tmp_path / "about.json").write_text(json.dumps({"dtype": "uint16"}))
    with pytest.raises(ValueError, match="folder: expected one that TokenFile.write made"):
        TokenFile(tmp_path)
