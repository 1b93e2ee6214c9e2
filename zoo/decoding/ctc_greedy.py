"""CTC's best path to a transcript with word times.

Shapes: S steps, V characters with the blank.
"""

from typing import NamedTuple

import numpy as np


class Word(NamedTuple):
    """One word: its text, begin and end in seconds, and the mean probability of its characters."""

    text: str
    begin: float
    end: float
    confidence: float


class Transcript(str):
    """A string that knows when its words were said.

    Attributes:
        words: a list of `Word`.

    Example:
        >>> Transcript("hi", [Word("hi", 0.1, 0.4, 0.9)]).words[0].end
        0.4
    """

    words: list

    def __new__(cls, text, words=()):
        self = super().__new__(cls, text)
        self.words = list(words)
        return self


def greedy_path(log_probs):
    """Best class of every step, repeats merged, blanks dropped: a list of (class, step, probability).

    Args:
        log_probs: float [S, V]; class 0 is the blank.

    Example:
        >>> [c for c, *_ in greedy_path(np.log(np.eye(3)[[0, 1, 1, 0, 1, 2]] + 1e-9))]
        [1, 1, 2]
    """
    best = np.argmax(log_probs, axis=-1)
    path = []
    for step, character in enumerate(best):
        if character and (step == 0 or best[step - 1] != character):
            path.append((int(character), step, float(np.exp(log_probs[step, character]))))
    return path


def greedy_transcript(log_probs, alphabet, step_seconds):
    """The best path as a `Transcript`.

    Args:
        log_probs: float [S, V]; class 0 is the blank.
        alphabet: V - 1 characters.
        step_seconds: length of a step.
    """
    return transcript_of(greedy_path(log_probs), alphabet, step_seconds)


def transcript_of(path, alphabet, step_seconds):
    """(class, step, probability) in order -> `Transcript`; a word ends with its last character."""
    words, current = [], []
    for character, step, probability in [*path, (None, 0, 0.0)]:
        letter = " " if character is None else alphabet[character - 1]
        if letter != " ":
            current.append((letter, step, probability))
        elif current:
            letters, steps, probabilities = zip(*current, strict=True)
            begin, end = steps[0] * step_seconds, (steps[-1] + 1) * step_seconds
            confidence = float(np.mean(probabilities))
            words.append(Word("".join(letters), round(begin, 4), round(end, 4), confidence))
            current = []
    return Transcript(" ".join(word.text for word in words), words)
