"""Peak memory of building ResNet-50 and loading its weights, as a multiple of the weights (Linux).

The runtime is warmed up on a small network first, so that what is counted is the model's. The high-water mark
of resident memory is reset before the model is built.
"""

import math
import pathlib
import subprocess
import sys
from collections.abc import Callable

from benchmarks.machine import resident_memory
from benchmarks.scratch import scratch_folder


def step(kind: str) -> Callable[[], float]:
    """Writes the file once; each step loads it in a fresh process and returns growth / weights."""
    folder = scratch_folder()
    path = folder / ("resnet50" if kind == "safetensors" else "model.weights.h5")
    save = _functions(kind)[0]
    save(path)

    def measure() -> float:
        command = [sys.executable, "-m", "benchmarks.load_memory", kind, str(path), str(folder)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])

    return measure


def _functions(kind: str) -> tuple[Callable, Callable, Callable]:
    """save(path) writes a ResNet-50, load(path) builds one and loads it, warm_up(folder) does both small.

    "safetensors" is `from_pretrained` of a folder.
    """
    if kind == "safetensors":
        from zoo.applications import ImageClassifier

        import zoo.models
        from zoo.preprocessing import ImagePreprocessor

        def save(folder, builder=zoo.models.resnet50, size=224, channels=3):
            pixels = ImagePreprocessor(image_size=(size, size), channels=channels)
            model = builder(num_classes=1000)
            ImageClassifier(model, pixels, labels=[str(i) for i in range(1000)]).save_pretrained(folder)

        def load(folder):
            return ImageClassifier.from_pretrained(folder).model

        def warm_up(folder):
            small = pathlib.Path(folder) / "small"
            save(small, zoo.models.resnet20, 28, 1)
            load(small)

        return save, load, warm_up

    import keras

    from benchmarks.plain_resnet import plain_resnet20

    def warm_up(folder):
        small = pathlib.Path(folder) / "small.weights.h5"
        plain_resnet20().save_weights(small)
        plain_resnet20().load_weights(small)

    def load(path):
        model = keras.applications.ResNet50(weights=None)
        model.load_weights(path)
        return model

    return (lambda path: keras.applications.ResNet50(weights=None).save_weights(path)), load, warm_up


def main(kind: str, path: str, folder: str) -> None:
    _, load, warm_up = _functions(kind)
    warm_up(folder)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = resident_memory("VmRSS")
    model = load(path)
    peak = resident_memory("VmHWM")
    if before is None or peak is None:
        raise RuntimeError(
            "/proc/self/status: expected VmRSS and VmHWM, found one at most; this item needs Linux"
        )
    print((peak - before) / sum(4 * math.prod(variable.shape) for variable in model.variables))


if __name__ == "__main__":
    main(*sys.argv[1:])
