"""What logs count: tokens without padding, and the arithmetic of a token, a frame, an image."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.datasets import fashion_mnist
from zoo.training.arithmetic import training_flops


def products(model):
    """Weights that every position is multiplied with: all kernels."""
    return sum(np.prod(v.shape) for v in model.trainable_variables if "kernel" in v.name)


def test_images_count_each_product_of_the_network():
    from zoo.applications import ImageClassifier

    from zoo.models import MLP
    from zoo.preprocessing import ImagePreprocessor

    pixels = ImagePreprocessor(image_size=(28, 28), channels=1)
    app = ImageClassifier(MLP((16,), 10), pixels, labels=fashion_mnist("sample").label_names)
    assert app.length_unit is None
    assert app.training_flops() == pytest.approx(6 * products(app.model), rel=0.01)


def test_texts_count_their_tokens_without_padding():
    pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    from test_text_classifier import single
    from text_cases import LABELS, TEXTS

    app = single()
    data = app.training_data(TEXTS, LABELS, batch_size=8, shuffle=False)
    counted = sum(int(tf.reduce_sum(app.lengths(inputs))) for inputs, _ in data)
    assert counted == app.rows(TEXTS).lengths.sum()
    attention = 3 * 2 * 2 * 2 * 16 * 32  # of 2 layers, 16 wide: two products with 32 tokens
    assert app.training_flops() == pytest.approx(6 * products(app.model) + attention, rel=0.15)


def test_packed_rows_count_documents_and_no_padding():
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    from test_text_generator import TEXTS, make

    app = make()
    data = app.inference_data(TEXTS, batch_size=4)
    counted = sum(int(tf.reduce_sum(app.lengths(inputs))) for inputs, *_ in data)
    assert counted == 1 + sum(len(row) + 1 for row in app.preprocessor.encode(TEXTS))  # an end at the head
    head = 0 if any("head" in v.path for v in app.model.variables) else app.model.head_kernel().shape
    products_of_all = products(app.model) + np.prod(head)
    assert app.training_flops() == pytest.approx(6 * products_of_all + 12 * 32 * 32, rel=0.15)


def test_recurrent_loops_are_counted_at_every_step():
    from zoo.layers import GRU

    layer = GRU(8, bidirectional=True)
    model = keras.Sequential([keras.Input((10, 5)), layer])
    steps, weights = 10, sum(np.prod(v.shape) for v in layer.trainable_variables if "kernel" in v.name)
    assert training_flops(model, tf.TensorSpec((None, 10, 5))) >= 6 * steps * weights
    assert "run" not in vars(layer)


def test_sound_counts_its_frames():
    from test_speech_recognizer import make, recordings

    app, (audio, texts) = make(), recordings(3)
    inputs, _ = next(iter(app.training_data(audio, texts, batch_size=3, shuffle=False)))
    assert app.length_unit == "frames"
    assert (
        int(tf.reduce_sum(app.lengths(inputs))) <= inputs["features"].shape[0] * inputs["features"].shape[1]
    )
    assert app.training_flops() > 0
