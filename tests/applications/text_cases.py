"""Tiny text applications that build in a moment, and real texts for them."""

import application_battery
import keras
import pytest

from zoo.models import Bert
from zoo.preprocessing import TextPreprocessor, WordPiece

FILMS = [
    ("a gripping film with a warm heart", "positive"),
    ("dull , slow and far too long", "negative"),
    ("the acting is superb and the script sparkles", "positive"),
    ("a mess of a movie , loud and empty", "negative"),
    ("funny , tender and beautifully shot", "positive"),
    ("I wanted my money back after an hour", "negative"),
    ("one of the best comedies of the year", "positive"),
    ("not even the stars can save this bore", "negative"),
] * 8
TEXTS = [text for text, _ in FILMS]
LABELS = [label for _, label in FILMS]
VOCABULARY = WordPiece.train(TEXTS, 120, min_frequency=1).vocabulary


def tiny_bert(seed=0, **options):
    """2 layers of 16, dropout off so that the same batch gives the same numbers."""
    keras.utils.set_random_seed(seed)
    sizes = {"hidden_dim": 16, "num_layers": 2, "num_heads": 2, "max_length": 64, "dropout": 0.0}
    return Bert(len(VOCABULARY), **{**sizes, **options})


def preprocessor(**options):
    return TextPreprocessor(VOCABULARY, **{"max_length": 32, **options})


def checks(*left_out):
    """The battery, its checks that trace or export marked slow; the classifier runs them all."""
    slow = ("loss_goes_down_on_real_data", "savedmodel_equals_predict", "xla_equals_plain")
    return [
        pytest.param(check, marks=pytest.mark.slow) if check.__name__ in slow else check
        for check in application_battery.CHECKS
        if check not in left_out
    ]
