"""Word and character error rates of transcripts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class ErrorRate(NamedTuple):
    """Edits that turn the references into the hypotheses, over the length of the references.

    `rate` = (substitutions + deletions + insertions) / length; it can exceed 1.
    """

    rate: float
    substitutions: int
    deletions: int
    insertions: int
    length: int


def word_errors(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorRate:
    """Word error rate over all pairs together, equal to `jiwer.wer`.

    Args:
        references: the true transcripts.
        hypotheses: the recognized ones, in the same order.

    Raises: ValueError for lists of different lengths or references without any word.

    Example:
        >>> word_errors(["one two three"], ["one too"])
        ErrorRate(rate=0.6666666666666666, substitutions=1, deletions=1, insertions=0, length=3)
    """
    return _errors(references, hypotheses, str.split, "word")


def character_errors(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorRate:
    """Character error rate over all pairs together, spaces between words counted, equal to `jiwer.cer`.

    Example:
        >>> round(character_errors(["one two three"], ["one too"]).rate, 4)
        0.5385
    """
    return _errors(references, hypotheses, lambda text: list(text.strip()), "character")


def _errors(references, hypotheses, split, unit):
    references, hypotheses = list(references), list(hypotheses)
    if len(references) != len(hypotheses):
        raise ValueError(
            f"hypotheses: expected as many as references ({len(references)}), found {len(hypotheses)}"
        )
    counts, length = np.zeros(3, int), 0
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        pair = split(reference), split(hypothesis)
        counts += edit_counts(*pair)
        length += len(pair[0])
    if not length:
        raise ValueError(f"references: expected at least one {unit}, found none")
    return ErrorRate(int(counts.sum()) / length, *(int(n) for n in counts), length)


def edit_counts(reference: Sequence, hypothesis: Sequence) -> tuple[int, int, int]:
    """(substitutions, deletions, insertions) of one cheapest way from reference to hypothesis.

    Example:
        >>> edit_counts("kitten", "sitting")
        (2, 0, 1)
    """
    # A row with a number for every prefix of the hypothesis. Its digits, in a base that none of them reaches,
    # are edits, insertions, deletions and substitutions, so that the least number is a cheapest way.
    reference, hypothesis = _differing(reference, hypothesis)
    bits = (len(reference) + len(hypothesis)).bit_length()
    edit = 1 << 3 * bits
    substitution, deletion, insertion = edit + 1, edit + (1 << bits), edit + (1 << 2 * bits)
    row = [j * insertion for j in range(len(hypothesis) + 1)]
    for i, wanted in enumerate(reference, 1):
        corner, left = row[0], i * deletion
        row[0] = left
        for j, found in enumerate(hypothesis, 1):
            above = row[j]
            if wanted == found:
                left = corner
            else:  # the least of three; `min` takes twice as long
                left += insertion
                if corner + substitution < left:
                    left = corner + substitution
                if above + deletion < left:
                    left = above + deletion
            row[j], corner = left, above
    digit = (1 << bits) - 1
    return row[-1] & digit, row[-1] >> bits & digit, row[-1] >> 2 * bits & digit


def _differing(reference, hypothesis):
    """Both without what they begin and end with alike, which no cheapest way needs to change."""
    start, shorter = 0, min(len(reference), len(hypothesis))
    while start < shorter and reference[start] == hypothesis[start]:
        start += 1
    end = 0
    while end < shorter - start and reference[-1 - end] == hypothesis[-1 - end]:
        end += 1
    return reference[start : len(reference) - end], hypothesis[start : len(hypothesis) - end]
