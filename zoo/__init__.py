"""Reusable Keras layers, models and pretrained applications: raw data in, answer out.

The rooms (`zoo.layers`, `zoo.models`, `zoo.applications`, ...) load on first use, so `import zoo` costs
neither a TensorFlow nor a Keras import.
"""

import importlib
import os

# TensorFlow leaves oneDNN's convolutions off on x86 processors without AVX512-VNNI or AMX; there a ResNet-20
# training step takes 1.5 times as long without them. It reads this once, on import; a value of yours stays.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"

_ROOMS = (
    "applications",
    "datasets",
    "decoding",
    "export",
    "hub",
    "kernels",
    "layers",
    "losses",
    "metrics",
    "models",
    "preprocessing",
    "training",
)
__all__ = list(_ROOMS)


def __getattr__(name):
    if name in _ROOMS:
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}; it has {', '.join(_ROOMS)}")


def __dir__():
    return sorted([*globals(), *_ROOMS])
