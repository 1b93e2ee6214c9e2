"""The tour: load the bundled network, fine-tune it on other images, evaluate, export, serve in a new process.

Everything it needs comes with the package.
"""

import json
import subprocess
import sys
import time

import keras
import numpy as np
from zoo.applications.image_classifier import ImageClassifier

from zoo.datasets import digits, fashion_mnist
from zoo.files import atomic_path, make_folder

# Runs in a process of its own, isolated from this package: a SavedModel needs TensorFlow alone.
SERVE = """
import json, sys
sys.modules["zoo"] = None  # an import of it fails from here on
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
pixels = np.load(sys.argv[2])
out = model.signatures["pixels"](tf.constant(pixels))
encoded = tf.constant([tf.io.encode_png(image).numpy() for image in pixels])
same = model.signatures["serving_default"](encoded)
print(json.dumps({
    "labels": [label.decode() for label in out["label"].numpy()],
    "probabilities": out["probabilities"].numpy().tolist(),
    "bytes_agree": bool(np.allclose(out["probabilities"], same["probabilities"], atol=1e-5)),
}))
"""


def run(out):
    """Walks through it, writes into folder `out` and prints a table of what happened."""
    out = make_folder(out, "out")
    began = time.time()
    keras.utils.set_random_seed(0)
    rows = []

    print("1/5  Loading resnet20.fashion_mnist and trying it on 500 embedded test images")
    app = ImageClassifier.from_pretrained("resnet20.fashion_mnist")
    clothes, clothes_labels = fashion_mnist("sample")
    app.compile()
    scores = app.evaluate(clothes, clothes_labels, return_dict=True, verbose=0)
    rows.append(("Fashion-MNIST, 500 test images, as bundled", f"accuracy {scores['accuracy']:.3f}"))

    print("2/5  Fine-tuning it on 8x8 handwritten digits (UCI), a set it has never seen")
    train, validation, test = digits("train"), digits("validation"), digits("test")
    app = ImageClassifier.from_pretrained("resnet20.fashion_mnist", labels=train.label_names)
    app.compile(augment={"crop": 2}, learning_rate=0.05)
    app.fit(*train, validation_data=tuple(validation), epochs=5, verbose=2)

    print("3/5  Evaluating on its held-out test images")
    report = app.report(*test)
    rows.append((f"digits, {len(test)} test images, fine-tuned", f"accuracy {report.accuracy:.3f}"))
    with atomic_path(out / "report.txt") as partial:
        partial.write_text(f"{report}\n")
    rows.append(("per-class precision, recall, F1", str(out / "report.txt")))

    print("4/5  Saving and exporting")
    app.save(out / "digits.keras")
    rows.append(("everything, to go on training", str(out / "digits.keras")))
    app.export(out / "serving" / "1")
    rows.append(("SavedModel: bytes or pixels in, labels out", str(out / "serving" / "1")))

    print("5/5  Reloading the SavedModel in a new process without this package")
    served = serve(out / "serving" / "1", test.images[:50], out)
    expected = app.predict(test.images[:50])
    difference = float(np.abs(np.array(served["probabilities"]) - expected).max())
    if difference > 1e-5 or not served["bytes_agree"]:
        raise RuntimeError(
            f"quickstart: expected the SavedModel to equal predict, found {difference:.2g} apart"
        )
    rows.append(("SavedModel against predict, largest difference", f"{difference:.1e}"))

    print()
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name.ljust(width)}  {value}")
    print(f"{'in all'.ljust(width)}  {time.time() - began:.0f} s")


def serve(folder, pixels, scratch):
    """Labels and probabilities of `pixels` from the SavedModel, computed by a new Python process."""
    path = scratch / "pixels.npy"
    np.save(path, pixels)
    try:
        done = subprocess.run(
            [sys.executable, "-c", SERVE, str(folder), str(path)], capture_output=True, text=True, check=False
        )
    finally:
        path.unlink()
    if done.returncode:
        raise RuntimeError(f"quickstart: the process that serves the model failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
