"""Every example of a docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import zoo.applications

import zoo
import zoo.hub

NEEDS_WEIGHTS = [name for name in ("resnet20.fashion_mnist",) if name not in zoo.hub.WEIGHTS]


def modules():
    for package in (zoo, zoo.applications):
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def examples():
    finder = doctest.DocTestFinder()
    for module in dict.fromkeys(modules()):
        names = {"keras": keras, "np": np, "tf": tf, "zoo": zoo, **vars(module)}
        yield from (test for test in finder.find(module, globs=names) if test.examples)


class AnyBackend(doctest.OutputChecker):
    """Shapes are tuples in our examples, as every backend but TensorFlow prints them."""

    def check_output(self, want, got, optionflags):
        want, got = (re.sub(r"TensorShape\(\[(.*?)\]\)", r"(\1)", text) for text in (want, got))
        return super().check_output(want, got, optionflags)


def put_image(path):
    path.parent.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), "uint8")
    encode = tf.io.encode_png if path.suffix == ".png" else tf.io.encode_jpeg
    path.write_bytes(encode(pixels).numpy())


@pytest.mark.parametrize("example", list(examples()), ids=lambda example: example.name)
def test_example(example, tmp_path, monkeypatch):
    missing = [name for name in NEEDS_WEIGHTS if name in example.docstring]
    if missing:
        pytest.skip(f"{missing[0]} is not among the bundled weights yet")
    put_image(tmp_path / "photos/cat/1.jpg")
    put_image(tmp_path / "photos/dog/a/7.png")
    monkeypatch.chdir(tmp_path)
    report = []
    runner = doctest.DocTestRunner(AnyBackend(), optionflags=doctest.NORMALIZE_WHITESPACE, verbose=False)
    result = runner.run(example, out=report.append)
    assert result.failed == 0, "".join(report)


def test_every_public_layer_and_model_shows_an_example():
    shown = {example.name.rpartition(".")[2] for example in examples()}
    classes = {*zoo.layers.__all__, *(name for name in zoo.models.__all__ if not name.islower())}
    assert classes <= shown
