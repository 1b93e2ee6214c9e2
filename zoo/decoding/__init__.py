"""Scores to answers: generation by sampling."""

from zoo.decoding.ctc_align import align, align_classes
from zoo.decoding.ctc_beam import BeamSearch, Hypothesis
from zoo.decoding.ctc_greedy import Transcript, Word, greedy_path, greedy_transcript, transcript_of
from zoo.decoding.generation import generate
from zoo.decoding.ngram import NGram
from zoo.decoding.subtitles import srt, vtt
from zoo.decoding.voice_spans import Span, voice_spans

__all__ = [
    "BeamSearch",
    "Hypothesis",
    "NGram",
    "Span",
    "Transcript",
    "Word",
    "align",
    "align_classes",
    "generate",
    "greedy_path",
    "greedy_transcript",
    "srt",
    "transcript_of",
    "voice_spans",
    "vtt",
]
