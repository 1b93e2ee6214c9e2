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
    # A row of (edits, substitutions, deletions, insertions) for every prefix of the hypothesis.
    row = [(j, 0, 0, j) for j in range(len(hypothesis) + 1)]
    for i, wanted in enumerate(reference, 1):
        corner, row[0] = row[0], (i, 0, i, 0)
        for j, found in enumerate(hypothesis, 1):
            above, left = row[j], row[j - 1]
            if wanted == found:
                best = corner
            else:
                best = min(
                    (corner[0] + 1, corner[1] + 1, corner[2], corner[3]),
                    (above[0] + 1, above[1], above[2] + 1, above[3]),
                    (left[0] + 1, left[1], left[2], left[3] + 1),
                    key=lambda entry: entry[0],
                )
            corner, row[j] = row[j], best
    return row[-1][1:]
