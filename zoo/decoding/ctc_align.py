"""Forced alignment: when each character of a known text is said, by the best path of CTC.

Shapes: S steps, V characters with the blank, L characters of the text.
"""

import itertools

import numpy as np

from zoo.decoding.ctc_greedy import transcript_of


def align(log_probs, text, alphabet, step_seconds):
    """The likeliest alignment of `text` as a `zoo.decoding.Transcript` with word times.

    Args:
        log_probs: float [S, V]; class 0 is the blank.
        text: of the characters of `alphabet`.
        alphabet: V - 1 characters.
        step_seconds: length of a step.

    Raises: ValueError for characters outside the alphabet or a text too long for S steps.

    Example:
        >>> log_probs = np.log(np.eye(3)[[0, 1, 1, 0, 2]] + 1e-9)
        >>> align(log_probs, "ab", "ab", 0.1).words[0].begin
        0.1
    """
    foreign = sorted(set(text) - set(alphabet))
    if foreign:
        raise ValueError(f"text: expected characters of {alphabet!r}, found {foreign}")
    path = align_classes(log_probs, [alphabet.index(c) + 1 for c in text])
    return transcript_of(path, alphabet, step_seconds)


def align_classes(log_probs, classes):
    """The likeliest path that gives `classes`: a list of (class, first step, probability)."""
    log_probs = np.asarray(log_probs, "float64")
    steps, count = len(log_probs), len(classes)
    if not count:
        return []
    states = np.zeros(2 * count + 1, int)
    states[1::2] = classes
    needed = count + sum(a == b for a, b in itertools.pairwise(classes))
    if needed > steps:
        raise ValueError(f"text: expected one that fits into {steps} steps, found {needed} needed")
    skips = np.zeros(len(states), bool)
    skips[3::2] = states[3::2] != states[1:-2:2]
    score = np.full(len(states), -np.inf)
    score[:2] = log_probs[0, states[:2]]
    came = np.zeros((steps, len(states)), int)  # by how many states the path moved
    for step in range(1, steps):
        choices = np.full((3, len(states)), -np.inf)
        choices[0] = score
        choices[1, 1:] = score[:-1]
        choices[2, 2:] = np.where(skips[2:], score[:-2], -np.inf)
        came[step] = choices.argmax(axis=0)
        score = choices.max(axis=0) + log_probs[step, states]
    state = len(states) - 1 if score[-1] >= score[-2] else len(states) - 2
    path = []
    for step in range(steps - 1, -1, -1):
        if state % 2 and (step == 0 or came[step, state]):
            path.append((int(states[state]), step, float(np.exp(log_probs[step, states[state]]))))
        state -= came[step, state]
    return path[::-1]
