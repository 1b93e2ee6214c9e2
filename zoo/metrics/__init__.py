"""Metrics and reports that Keras lacks; NumPy in, numbers and pictures out."""

from zoo.metrics.classification import ClassificationReport, classification_report

__all__ = ["ClassificationReport", "classification_report"]
