"""Silero's published voice detector in our `SileroVad`, from the safetensors file of its Python package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from zoo.hub.checkpoint import Source, TensorFile, load_mapped

if TYPE_CHECKING:
    from zoo.models import SileroVad

_BIASES = ("lstm_cell.bias_ih", "lstm_cell.bias_hh")  # PyTorch's LSTM has two that are only ever added
_CONV, _MATRIX = (2, 1, 0), (1, 0)
NAMES = {
    "spectrum.kernel": Source("stft_conv.weight", _CONV),
    **{f"conv{i}.kernel": Source(f"conv{i}.weight", _CONV) for i in range(1, 5)},
    **{f"conv{i}.bias": Source(f"conv{i}.bias") for i in range(1, 5)},
    "lstm.forward_kernel": Source("lstm_cell.weight_ih", _MATRIX),
    "lstm.forward_recurrent_kernel": Source("lstm_cell.weight_hh", _MATRIX),
    "lstm.forward_bias": Source("lstm_cell.bias"),
    "head.kernel": Source("final_conv.weight", _MATRIX),
    "head.bias": Source("final_conv.bias"),
}


class _SileroTensors:
    """The file's tensors; the LSTM's two biases as one, the convolution of the head as a matrix."""

    def __init__(self, tensors: TensorFile):
        self.tensors = tensors

    def __str__(self):
        return str(self.tensors)

    def __iter__(self) -> Iterator[str]:
        names = list(self.tensors)
        both = set(_BIASES) <= set(names)
        yield from (name for name in names if not both or name not in _BIASES)
        if both:
            yield "lstm_cell.bias"

    def shape(self, name: str) -> tuple[int, ...]:
        shape = self.tensors.shape(_BIASES[0] if name == "lstm_cell.bias" else name)
        return shape[:2] if name == "final_conv.weight" else shape

    def read(self, name: str) -> np.ndarray:
        if name == "lstm_cell.bias":
            return sum(self.tensors.read(part) for part in _BIASES)
        value = self.tensors.read(name)
        return value[..., 0] if name == "final_conv.weight" else value


def load_silero(model: SileroVad, path: str | os.PathLike) -> None:
    """Reads `silero_vad_16k.safetensors` into a built `SileroVad`.

    Raises:
        ValueError: no such file, or names and shapes that differ. The model is then as it was.
    """
    with TensorFile(path) as tensors:
        load_mapped(model, _SileroTensors(tensors), NAMES)
