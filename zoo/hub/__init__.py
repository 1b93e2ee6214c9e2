"""From a name to verified weights: the registry, the sources, and how files become Keras variables.

The registry and the sources load here. `zoo.hub.checkpoint` (safetensors to variables) and `zoo.hub.foreign`
(Hugging Face, keras.applications) import Keras, so import them where they are used.
"""

from zoo.hub.registry import WEIGHTS, Weights, find, list_pretrained, register
from zoo.hub.sources import fetch, fetch_folder, verify

__all__ = ["WEIGHTS", "Weights", "fetch", "fetch_folder", "find", "list_pretrained", "register", "verify"]
