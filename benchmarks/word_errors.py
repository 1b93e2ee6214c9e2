"""Word error rate of many short transcripts: the zoo's and jiwer's."""

from collections.abc import Callable

import numpy as np


def transcripts(pairs: int) -> tuple[list[str], list[str]]:
    """References of 4 to 24 words out of 500, and hypotheses with about every fifth word wrong."""
    random = np.random.default_rng(0)
    references, hypotheses = [], []
    for _ in range(pairs):
        words = random.integers(0, 500, random.integers(4, 25))
        found = np.where(random.random(len(words)) < 0.1, random.integers(0, 500, len(words)), words)
        found = found[random.random(len(found)) > 0.05]
        found = np.insert(found, random.integers(0, len(found) + 1), 7) if random.random() < 0.5 else found
        references.append(" ".join(f"word{w}" for w in words))
        hypotheses.append(" ".join(f"word{w}" for w in found))
    return references, hypotheses


def zoo(pairs: int) -> Callable[[], float]:
    from zoo.metrics import word_errors

    references, hypotheses = transcripts(pairs)
    return lambda: word_errors(references, hypotheses).rate


def jiwer(pairs: int) -> Callable[[], float]:
    import jiwer

    references, hypotheses = transcripts(pairs)
    return lambda: jiwer.process_words(references, hypotheses).wer
