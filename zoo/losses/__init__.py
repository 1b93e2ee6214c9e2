"""Losses that Keras lacks."""

from zoo.losses.ctc import CTC, ctc_feasible, ctc_loss
from zoo.losses.text_pairs import ContrastiveLoss, CosineLoss

__all__ = ["CTC", "ContrastiveLoss", "CosineLoss", "ctc_feasible", "ctc_loss"]
