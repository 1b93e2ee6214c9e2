"""Metrics and reports that Keras lacks; NumPy in, numbers and pictures out."""

from zoo.metrics.answers import answer_f1, answer_scores, exact_match
from zoo.metrics.classification import ClassificationReport, classification_report
from zoo.metrics.correlation import pearson, spearman
from zoo.metrics.entities import EntityScores, entity_scores, entity_spans

__all__ = [
    "ClassificationReport",
    "EntityScores",
    "answer_f1",
    "answer_scores",
    "classification_report",
    "entity_scores",
    "entity_spans",
    "exact_match",
    "pearson",
    "spearman",
]
