"""Losses that Keras lacks."""

from zoo.losses.chunked_cross_entropy import chunked_cross_entropy, target_log_probs
from zoo.losses.ctc import CTC, ctc_feasible, ctc_loss
from zoo.losses.text_pairs import ContrastiveLoss, CosineLoss

__all__ = [
    "CTC",
    "ContrastiveLoss",
    "CosineLoss",
    "chunked_cross_entropy",
    "ctc_feasible",
    "ctc_loss",
    "target_log_probs",
]
