"""Raw texts through BERT: tokens, batches of mixed lengths, one text through a SavedModel, fine-tuning.

Shapes: B batch, T time.
"""

import os
import tempfile
import time
from collections.abc import Callable

import numpy as np

from benchmarks.bert_steps import LENGTH, SIZES, VOCABULARY

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PRETRAINED = "minilm-l6.all-v2"
EPOCHS = 3  # the first does not count
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


def fine_tuning_texts(texts: int) -> tuple[list, np.ndarray]:
    """The first film snippets of the training part, as they come, and the sign of their rating."""
    from zoo.datasets import rated_sentences

    data = rated_sentences("movies", "train")
    return list(data.examples[:texts]), data.labels[:texts]


def zoo_epoch(texts: int, batch: int) -> Callable:
    """Seconds an epoch of `fit` on strings, by the defaults of its recipe: the mean of all but the first."""
    import keras
    from zoo.applications import TextClassifier

    app = TextClassifier.from_pretrained(PRETRAINED, labels=["negative", "positive"])
    app.compile()
    examples, labels = fine_tuning_texts(texts)
    ends = []
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()))

    def step() -> float:
        ends.clear()
        app.fit(examples, labels, batch_size=batch, epochs=EPOCHS, callbacks=[clock], verbose=0)
        return (ends[-1] - ends[0]) / (EPOCHS - 1)

    return step


def transformers_epoch(texts: int, batch: int) -> Callable:
    """The same of a PyTorch loop: tokens cut once, random order, padded to the longest text of a batch."""
    import torch
    import transformers

    from zoo.hub import fetch_folder, find

    folder = fetch_folder(find(PRETRAINED).source)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    examples, labels = fine_tuning_texts(texts)
    tokens = tokenizer(examples, truncation=True, max_length=128)["input_ids"]
    rows = [{"input_ids": ids, "label": int(label)} for ids, label in zip(tokens, labels, strict=True)]
    collate = transformers.DataCollatorWithPadding(tokenizer)
    loader = torch.utils.data.DataLoader(rows, batch, shuffle=True, collate_fn=collate, drop_last=True)

    def epoch() -> None:
        for inputs in loader:
            optimizer.zero_grad(set_to_none=True)
            loss = model(**inputs).loss
            loss.backward()
            optimizer.step()
            loss.item()

    def step() -> float:
        epoch()
        start = time.perf_counter()
        for _ in range(EPOCHS - 1):
            epoch()
        return (time.perf_counter() - start) / (EPOCHS - 1)

    return step


def tweets() -> list:
    """2,000 texts: the 200 tweets that come with zoo, ten times."""
    from zoo.datasets import rated_sentences

    os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")  # read at their first use
    return list(rated_sentences("tweets", "sample").examples) * 10


def zoo_preprocessor():
    from zoo.hub import fetch_folder, find
    from zoo.preprocessing import TextPreprocessor

    return TextPreprocessor.from_hugging_face(fetch_folder(find(PRETRAINED).source), max_length=128)


def checked(step: Callable, tokens: int) -> Callable:
    """`step`, which returns how many tokens it made; it refuses to make another number than `tokens`."""

    def run() -> None:
        if (made := step()) != tokens:
            raise ValueError(f"tokens: expected {tokens}, found {made}")

    return run


def zoo_host_tokens(tokens: int) -> Callable:
    texts, prepare = tweets(), zoo_preprocessor()

    def step() -> int:
        parts = (prepare.pad(prepare.rows(texts[i : i + 32])) for i in range(0, len(texts), 32))
        return sum(int(part["attention_mask"].sum()) for part in parts)

    return checked(step, tokens)


def zoo_graph_tokens(tokens: int) -> Callable:
    import tensorflow as tf

    texts, prepare = tweets(), zoo_preprocessor()
    batches = [tf.constant(texts[i : i + 32]) for i in range(0, len(texts), 32)]
    in_graph = tf.function(prepare, input_signature=[tf.TensorSpec((None,), "string")])
    return checked(lambda: sum(int(in_graph(b)["attention_mask"].numpy().sum()) for b in batches), tokens)


def keras_hub_tokens(tokens: int) -> Callable:
    import keras_hub
    import tensorflow as tf

    texts, vocabulary = tweets(), zoo_preprocessor().tokenizer.vocabulary
    tokenizer = keras_hub.models.BertTokenizer(list(vocabulary), lowercase=True)
    pack = keras_hub.layers.MultiSegmentPacker(
        128, start_value=tokenizer.cls_token_id, end_value=tokenizer.sep_token_id, pad_value=0
    )
    batches = [tf.constant(texts[i : i + 32]) for i in range(0, len(texts), 32)]
    in_graph = tf.function(
        lambda batch: pack((tokenizer(batch),))[0], input_signature=[tf.TensorSpec((None,), "string")]
    )
    return checked(lambda: sum(int((in_graph(b).numpy() != 0).sum()) for b in batches), tokens)


def transformers_tokens(tokens: int) -> Callable:
    import transformers

    from zoo.hub import fetch_folder, find

    texts = tweets()
    tokenizer = transformers.AutoTokenizer.from_pretrained(fetch_folder(find(PRETRAINED).source))
    options = {"truncation": True, "max_length": 128, "padding": True, "return_tensors": "np"}

    def step() -> int:
        parts = (tokenizer(texts[i : i + 32], **options) for i in range(0, len(texts), 32))
        return sum(int(part["attention_mask"].sum()) for part in parts)

    return checked(step, tokens)
