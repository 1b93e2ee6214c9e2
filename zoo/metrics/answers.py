"""Exact match and F1 of answers in a text, as SQuAD counts them (arXiv:1606.05250, section 6)."""

import collections
import re
import string
import unicodedata

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text):
    """Lower case, without punctuation, articles and needless spaces.

    Example:
        >>> normalize_answer("The  Eiffel-Tower.")
        'eiffeltower'
    """
    text = unicodedata.normalize("NFC", text).lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def exact_match(answer, truths):
    """1.0 where `answer` is one of `truths` (strings; an empty list stands for no answer), else 0.0."""
    truths = truths or [""]
    return float(any(normalize_answer(answer) == normalize_answer(truth) for truth in truths))


def answer_f1(answer, truths):
    """The best overlap of words with one of `truths`, as F1 in [0, 1].

    Example:
        >>> answer_f1("in the old town", ["the old town", "Prague"])
        0.8
    """
    return max(
        _overlap(normalize_answer(answer).split(), normalize_answer(t).split()) for t in truths or [""]
    )


def _overlap(answer, truth):
    if not answer or not truth:
        return float(answer == truth)
    common = sum((collections.Counter(answer) & collections.Counter(truth)).values())
    return 2 * common / (len(answer) + len(truth))


def answer_scores(answers, truths):
    """Mean exact match and F1 of N answers against N lists of right ones.

    Example:
        >>> answer_scores(["Prague"], [["Prague", "in Prague"]])
        {'exact_match': 1.0, 'f1': 1.0}
    """
    if len(answers) != len(truths) or not answers:
        raise ValueError(f"answers: expected {len(truths)} of them and at least one, found {len(answers)}")
    pairs = list(zip(answers, truths, strict=True))
    return {
        "exact_match": sum(exact_match(*pair) for pair in pairs) / len(pairs),
        "f1": sum(answer_f1(*pair) for pair in pairs) / len(pairs),
    }
