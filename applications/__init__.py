"""Applications: one object from raw data to the answer, in training, prediction and export.

They load on first use, so that the command line answers `--help` without importing TensorFlow.
"""

import importlib

_HOMES = {
    "Application": "application",
    "BertPretraining": "bert_pretraining",
    "ImageClassifier": "image_classifier",
    "MaskedLM": "masked_lm",
    "QuestionAnswerer": "question_answerer",
    "SpeechRecognizer": "speech_recognizer",
    "TextClassifier": "text_classifier",
    "TextEncoder": "text_encoder",
    "TextGenerator": "text_generator",
    "TokenClassifier": "token_classifier",
    "VoiceActivity": "voice_activity",
}
__all__ = [
    "Application",
    "BertPretraining",
    "ImageClassifier",
    "MaskedLM",
    "QuestionAnswerer",
    "SpeechRecognizer",
    "TextClassifier",
    "TextEncoder",
    "TextGenerator",
    "TokenClassifier",
    "VoiceActivity",
]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(f"zoo.applications.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'zoo.applications' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
