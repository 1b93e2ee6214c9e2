"""One small request: through the SavedModel that `export` wrote, and through the application in Python."""

from collections.abc import Callable

import numpy as np

from benchmarks.bert_texts import TEXT, classifier
from benchmarks.scratch import scratch_folder


def image(way: str) -> Callable[[], object]:
    """One image of 28 px, ResNet-20: "signature", "predict" or "classify"."""
    from zoo.applications import ImageClassifier

    app = ImageClassifier.from_pretrained("resnet20.fashion_mnist")
    pixels = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 1), "uint8")
    return _ways(app, pixels, pixels)[way]()


def text(way: str) -> Callable[[], object]:
    """One text of 32 tokens, a classifier of MiniLM's size: "signature", "predict" or "classify"."""
    return _ways(classifier("minilm"), [TEXT], np.array([TEXT]))[way]()


def _ways(app, raw, array) -> dict[str, Callable]:
    return {
        "signature": lambda: _signature(app, array),
        "predict": lambda: lambda: app.predict(raw, verbose=0),
        "classify": lambda: lambda: app.classify(raw),
    }


def _signature(app, array) -> Callable[[], object]:
    """The signature that takes the raw array, called on a constant; it ends with its answer on the host."""
    import tensorflow as tf

    folder = scratch_folder() / "1"
    app.export(folder)
    loaded = tf.saved_model.load(str(folder))
    value = tf.constant(array)
    for signature in loaded.signatures.values():
        ((name, spec),) = signature.structured_input_signature[1].items()
        if spec.dtype == value.dtype:
            break
    else:
        raise RuntimeError(f"expected a signature of {value.dtype}, found {list(loaded.signatures)}")

    def run() -> np.ndarray:
        return signature(**{name: value})["probabilities"].numpy()

    run.loaded = loaded  # its resources live as long as it
    return run
