"""Scores to answers: generation by sampling."""

from zoo.decoding.ctc_align import align, align_classes
from zoo.decoding.ctc_beam import BeamSearch, Hypothesis
from zoo.decoding.ctc_greedy import Transcript, Word, greedy_path, greedy_transcript, transcript_of
from zoo.decoding.generation import generate
from zoo.decoding.ngram import NGram

__all__ = [
    "BeamSearch",
    "Hypothesis",
    "NGram",
    "Transcript",
    "Word",
    "align",
    "align_classes",
    "generate",
    "greedy_path",
    "greedy_transcript",
    "transcript_of",
]
