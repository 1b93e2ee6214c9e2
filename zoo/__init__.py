"""Reusable Keras layers, models and pretrained applications: raw data in, answer out.

The rooms (`zoo.layers`, `zoo.models`, `zoo.applications`, ...) load on first use, so `import zoo` costs
neither a TensorFlow nor a Keras import.
"""

import importlib

__version__ = "0.1.0"

_ROOMS = (
    "applications",
    "datasets",
    "export",
    "hub",
    "kernels",
    "layers",
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
