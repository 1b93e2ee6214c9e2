"""Applications: one object from raw data to the answer, in training, prediction and export."""

from zoo.applications.application import Application
from zoo.applications.image_classifier import ImageClassifier

__all__ = ["Application", "ImageClassifier"]
