"""Probabilities of speech, frame by frame, to the spans of time in which somebody speaks.

Shapes: T frames.
"""

from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    """A stretch of speech: begin and end in seconds, and the mean probability of its frames."""

    begin: float
    end: float
    confidence: float


def voice_spans(
    probabilities, frame_seconds, threshold=0.5, release=0.15, min_speech=0.25, min_silence=0.1, padding=0.03
):
    """Spans that begin at `threshold` and end below `threshold - release`.

    Args:
        probabilities: float [T].
        frame_seconds: length of a frame.
        threshold: at which speech begins.
        release: so much lower it must fall to end.
        min_speech: shorter spans are dropped, in seconds.
        min_silence: shorter gaps are closed, in seconds.
        padding: seconds that are added at both ends, at most to the middle of a gap.

    Returns: a list of `Span`.

    Example:
        >>> voice_spans([0.1, 0.9, 0.4, 0.9, 0.1], 0.25, padding=0.0)[0][:2]
        (0.25, 1.0)
    """
    spans, begin = [], None
    for frame, probability in enumerate([*probabilities, -np.inf]):
        if begin is None and probability >= threshold:
            begin = frame
        elif begin is not None and probability < threshold - release:
            if spans and (begin - spans[-1][1]) * frame_seconds < min_silence - 1e-9:
                begin = spans.pop()[0]
            spans.append((begin, frame))
            begin = None
    spans = [(a, b) for a, b in spans if (b - a) * frame_seconds >= min_speech - 1e-9]
    total = len(probabilities) * frame_seconds
    padded = []
    for i, (a, b) in enumerate(spans):
        before = a * frame_seconds - (spans[i - 1][1] * frame_seconds if i else 0.0)
        after = (spans[i + 1][0] * frame_seconds if i + 1 < len(spans) else total) - b * frame_seconds
        begin = a * frame_seconds - min(padding, before / 2 if i else before)
        end = b * frame_seconds + min(padding, after / 2 if i + 1 < len(spans) else after)
        padded.append(Span(round(begin, 4), round(end, 4), float(np.mean(probabilities[a:b]))))
    return padded
