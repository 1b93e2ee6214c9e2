"""Entity F1, answers and correlation, against known values and scikit-learn's relatives."""

import numpy as np
import pytest

from zoo.metrics import answer_scores, entity_scores, entity_spans, pearson, spearman
from zoo.metrics.answers import answer_f1, exact_match


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (["O", "O"], []),
        (["B-A", "B-A", "I-A"], [("A", 0, 1), ("A", 1, 3)]),
        (["I-A", "I-B", "O", "I-B"], [("A", 0, 1), ("B", 1, 2), ("B", 3, 4)]),
        (["B-A-B", "I-A-B"], [("A-B", 0, 2)]),
        ([], []),
    ],
)
def test_entities_begin_and_end_as_by_the_conll_evaluation(tags, spans):
    assert entity_spans(tags) == spans


def test_entity_scores_count_whole_entities():
    truth = [["B-PER", "I-PER", "O", "B-LOC"], ["B-ORG", "O"]]
    found = [["B-PER", "O", "O", "B-LOC"], ["B-LOC", "O"]]
    scores = entity_scores(truth, found)
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert scores.by_type["LOC"] == pytest.approx((0.5, 1.0, 2 / 3, 1))
    assert scores.accuracy == pytest.approx(4 / 6)
    assert "LOC" in str(scores)
    assert entity_scores([["O"]], [["O"]]).f1 == 0
    with pytest.raises(ValueError, match="expected 2 tags in row 0, found 1"):
        entity_scores([["O", "O"]], [["O"]])


def test_answers_are_compared_without_case_punctuation_and_articles():
    assert exact_match("The old-town!", ["oldtown"]) == 1
    assert exact_match("", []) == 1
    assert answer_f1("x", []) == 0
    assert answer_f1("the cat sat", ["cat", "cat sat down"]) == pytest.approx(0.8)
    assert answer_scores(["a cat", "dog"], [["cat"], ["a big dog"]]) == pytest.approx(
        {"exact_match": 0.5, "f1": (1 + 2 / 3) / 2}
    )


def test_correlations_equal_numpy_and_share_ranks():
    rng = np.random.default_rng(0)
    a = rng.normal(size=50)
    b = a + rng.normal(size=50)
    assert pearson(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert spearman(np.exp(a), b) == pytest.approx(spearman(a, b))
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(pearson([1, 2.5, 2.5, 4], [1, 2, 3, 4]))
    assert np.isnan(pearson([1, 1], [1, 2]))
    with pytest.raises(ValueError, match="N at least 2"):
        pearson([1], [1])
