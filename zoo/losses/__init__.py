"""Losses that Keras lacks."""

from zoo.losses.ctc import CTC, ctc_feasible, ctc_loss

__all__ = ["CTC", "ctc_feasible", "ctc_loss"]
