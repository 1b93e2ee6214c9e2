"""Generation by a decoder of GPT-2's 124M shape, random weights: the zoo, keras-hub and transformers."""

import time
from collections.abc import Callable

import numpy as np

SHAPE = {"vocabulary": 50257, "layers": 12, "heads": 12, "width": 768, "context": 1024}


def prompts(batch: int, length: int) -> np.ndarray:
    """The same tokens for every contender, int32 [B, P]."""
    return np.random.default_rng(0).integers(0, SHAPE["vocabulary"], (batch, length), "int32")


def decoder(dtype: str = "float32"):
    """The zoo's, its weights drawn as those of its peers are when they are made."""
    import keras

    import zoo

    keras.utils.set_random_seed(0)
    model = zoo.models.gpt2_small(dtype="float32" if dtype == "int8" else dtype)
    model.build((None, None))
    if dtype == "int8":
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.Dense):
                layer.quantize(dtype)
    return model


def zoo(batch: int, prompt: int, new: int, dtype: str = "float32") -> Callable:
    """`zoo.decoding.generate`, greedy."""
    import zoo

    model = decoder(dtype)
    tokens = prompts(batch, prompt)
    return lambda: zoo.decoding.generate(model, tokens, max_new_tokens=new)


def zoo_token(length: int, new: int) -> Callable:
    """Milliseconds a token where prompt and answer have `length` tokens together, without the prefill."""
    import zoo

    model, tokens = decoder(), prompts(1, length - new)

    def seconds(count: int) -> float:
        start = time.perf_counter()
        zoo.decoding.generate(model, tokens, max_new_tokens=count)
        return time.perf_counter() - start

    return lambda: 1000 * (seconds(new) - seconds(1)) / (new - 1)


def keras_hub(batch: int, prompt: int, new: int) -> Callable:
    """`GPT2CausalLM.generate`, greedy, without a preprocessor: token ids in and out."""
    import keras
    import keras_hub

    keras.utils.set_random_seed(0)
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=SHAPE["vocabulary"],
        num_layers=SHAPE["layers"],
        num_heads=SHAPE["heads"],
        hidden_dim=SHAPE["width"],
        intermediate_dim=4 * SHAPE["width"],
        max_sequence_length=SHAPE["context"],
    )
    model = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    model.compile(sampler="greedy")
    room = [(0, 0), (0, new)]
    inputs = {
        "token_ids": np.pad(prompts(batch, prompt), room),
        "padding_mask": np.pad(np.ones((batch, prompt), "int32"), room),
    }
    return lambda: model.generate(inputs, stop_token_ids=None)


def transformers(batch: int, prompt: int, new: int, dtype: str = "float32") -> Callable:
    """`GPT2LMHeadModel.generate`, greedy, with its key-value cache."""
    import torch
    import transformers

    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(pad_token_id=0, eos_token_id=None))
    model = model.to(getattr(torch, dtype)).eval()
    tokens = torch.tensor(prompts(batch, prompt), dtype=torch.int64)
    mask = torch.ones_like(tokens)

    def step() -> None:
        with torch.inference_mode():
            model.generate(
                tokens, attention_mask=mask, max_new_tokens=new, min_new_tokens=new, do_sample=False
            ).numpy()

    return step
