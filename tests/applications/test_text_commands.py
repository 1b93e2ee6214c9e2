"""`zoo evaluate` and `zoo predict` for each kind of text application, on files as people have them."""

import json

import pytest

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from click.testing import CliRunner
from text_cases import TEXTS, preprocessor, tiny_bert
from zoo.applications import QuestionAnswerer, TextClassifier, TextEncoder, TokenClassifier
from zoo.applications.cli import main

from zoo.datasets import load
from zoo.models import BertClassifier, BertSpanFinder, BertTokenClassifier

FILES = {
    "tags.conll": "".join(f"a O\nfilm {tag}\n\n" for tag in ("B-X", "O", "B-X")),
    "answers.json": json.dumps(
        {"data": [{"paragraphs": [{"context": "a warm film", "qas": [
            {"id": "1", "question": "which?", "answers": [{"text": "warm", "answer_start": 2}]}
        ]}]}]}
    ),
    "stars.csv": "text,score\na bore,1\na film,3\n",
    "alike.csv": "text,second,score\na film,a bore,0.1\na film,the film,0.9\na bore,the bore,0.8\n",
}  # fmt: skip
MAKERS = {
    "tags.conll": lambda: TokenClassifier(
        BertTokenClassifier(tiny_bert(pooler=None), 2), preprocessor(), ("B-X", "O")
    ),
    "answers.json": lambda: QuestionAnswerer(
        BertSpanFinder(tiny_bert(pooler=None)), preprocessor(pairs=True), stride=8
    ),
    "stars.csv": lambda: TextClassifier(
        BertClassifier(tiny_bert(), 1), preprocessor(), ("stars",), "regression"
    ),
    "alike.csv": lambda: TextEncoder(tiny_bert(pooler=None), preprocessor()),
}


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("tags.conll", "accuracy of tags"),
        pytest.param("answers.json", "exact_match", marks=pytest.mark.slow),
        ("stars.csv", "mae"),
        ("alike.csv", "spearman"),
    ],
)
def test_evaluate_prints_the_figures_of_the_application(name, figure, tmp_path):
    (tmp_path / name).write_text(FILES[name])
    MAKERS[name]().save_pretrained(tmp_path / "app")
    result = CliRunner().invoke(main, ["evaluate", str(tmp_path / "app"), "--data", str(tmp_path / name)])
    assert result.exit_code == 0, result.output
    assert any(line.startswith(f"{figure} ") for line in result.output.splitlines()), result.output


@pytest.mark.slow
def test_predict_takes_a_question_and_its_context(tmp_path):
    MAKERS["answers.json"]().save_pretrained(tmp_path)
    for text in ("which? | a warm film", "which?\ta warm film"):
        result = CliRunner().invoke(main, ["predict", text, "--weights", str(tmp_path)])
        assert result.exit_code == 0, result.output


def test_a_folder_of_documents_has_no_labels(tmp_path):
    for number, text in enumerate(TEXTS[:20]):
        (tmp_path / f"{number}.txt").write_text(text)
    texts, labels = load(tmp_path)
    assert len(texts) == 20
    assert labels is None
    parts = [load(tmp_path, split, validation_fraction=0.5) for split in ("train", "validation")]
    assert len(parts[0]) + len(parts[1]) == 20
    assert parts[0].labels is None
