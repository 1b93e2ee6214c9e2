"""TextClassifier: raw strings in, labels out, in fit, predict, .keras, folders and SavedModels."""

import pytest

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

import application_battery
import battery
from text_cases import LABELS, TEXTS, preprocessor, tiny_bert
from zoo.applications import TextClassifier

from zoo.models import BertClassifier

NAMES = ["negative", "positive"]


def single(**options):
    return TextClassifier(BertClassifier(tiny_bert(), 2), preprocessor(**options), NAMES)


@pytest.mark.parametrize("check", application_battery.CHECKS, ids=battery.claim)
def test_text_classifier(check, tmp_path):
    check(single, TEXTS, LABELS, tmp_path)
