"""Raw texts through BERT: batches of mixed lengths, and one text through a SavedModel.

Shapes: B batch, T time.
"""

import tempfile
from collections.abc import Callable

import numpy as np

from benchmarks.bert_steps import LENGTH, SIZES, VOCABULARY

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TEXT = "word77 " * 30  # of 32 tokens


def classifier(size: str):
    """A `TextClassifier` of random weights whose vocabulary is of made-up words."""
    from zoo.applications import TextClassifier

    from zoo.models import Bert, BertClassifier
    from zoo.preprocessing import TextPreprocessor

    words = [f"word{i}" for i in range(VOCABULARY - len(SPECIAL))]
    bert = Bert(VOCABULARY, **SIZES[size], max_length=LENGTH)
    prepare = TextPreprocessor([*SPECIAL, *words], max_length=128)
    return TextClassifier(BertClassifier(bert, 2), prepare, ("no", "yes"))


def mixed_lengths(size: str, texts: int, batch: int, padded: bool) -> Callable:
    """Classifies texts of 8 to 128 tokens, lengths alike in number; `padded`: every batch to 128."""
    app = classifier(size)
    lengths = np.random.default_rng(0).integers(6, 127, texts)
    rows = app.rows(["word5 " * n for n in lengths])
    if not padded:
        return lambda: app._outputs(rows, batch)
    parts = [
        app.preprocessor.pad(rows, range(i, min(i + batch, texts)), length=128)
        for i in range(0, texts, batch)
    ]

    def run() -> None:
        for part in parts:
            app.predict_on_batch(part)

    return run


def one_text(size: str, exported: bool) -> Callable:
    """A string through the SavedModel; or its tokens through the network as a function of tensors."""
    import tensorflow as tf

    app = classifier(size)
    if not exported:
        inputs = {name: tf.constant(part) for name, part in app.preprocessor.pad(app.rows([TEXT])).items()}
        model = tf.function(lambda inputs: tf.nn.softmax(app.model(inputs, training=False)))
        return lambda: model(inputs).numpy()
    folder = tempfile.mkdtemp()
    app.export(folder + "/1")
    loaded = tf.saved_model.load(folder + "/1")
    signature, text = loaded.signatures["serving_default"], tf.constant([TEXT])

    def run() -> None:
        signature(texts=text)["probabilities"].numpy()

    run.loaded = loaded  # its resources live as long as it
    return run
