"""Metrics and reports that Keras lacks; NumPy in, numbers and pictures out."""

import importlib

from zoo.metrics.answers import answer_f1, answer_scores, exact_match
from zoo.metrics.classification import ClassificationReport, classification_report
from zoo.metrics.correlation import pearson, spearman
from zoo.metrics.entities import EntityScores, entity_scores, entity_spans
from zoo.metrics.speech import ErrorRate, character_errors, edit_counts, word_errors
from zoo.metrics.spoken_text import normalize_text, numbers_to_digits, spell_number
from zoo.metrics.written_text import written_text

__all__ = [
    "CTCErrorRate",
    "ClassificationReport",
    "EntityScores",
    "ErrorRate",
    "answer_f1",
    "answer_scores",
    "character_errors",
    "classification_report",
    "edit_counts",
    "entity_scores",
    "entity_spans",
    "exact_match",
    "normalize_text",
    "numbers_to_digits",
    "pearson",
    "spearman",
    "spell_number",
    "word_errors",
    "written_text",
]


def __getattr__(name):
    if name == "CTCErrorRate":  # a Keras metric: Keras loads with it
        return importlib.import_module("zoo.metrics.ctc_error_rate").CTCErrorRate
    raise AttributeError(f"module 'zoo.metrics' has no attribute {name!r}")
