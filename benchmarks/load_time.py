"""A BERT-base built, its weights loaded from a file that is in the page cache, and one short text read by it.

The text is there since weights that are only mapped into memory are read at their first use. The code is
warm: it is not the first model of its process.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.bert_steps import LENGTH, SIZES, VOCABULARY
from benchmarks.scratch import scratch_folder

IDS = np.arange(1000, 1016, dtype="int32")[None]  # [1, 16]


def zoo(size: str, safetensors: bool) -> Callable[[], None]:
    """`Bert.from_pretrained` of a folder, or Keras' own file of the same model."""
    from zoo.models import Bert

    def built() -> Bert:
        model = Bert(VOCABULARY, **SIZES[size], max_length=LENGTH)
        model.build((None, None))
        return model

    folder = scratch_folder()
    if not safetensors:
        path = folder / "model.weights.h5"
        built().save_weights(path)

        def load() -> Bert:
            model = built()
            model.load_weights(path)
            return model

    else:
        built().save_pretrained(folder)

        def load() -> Bert:
            return Bert.from_pretrained(folder)

    return lambda: load()(IDS)["pooled"].numpy()


def keras_hub(size: str) -> Callable[[], None]:
    """`BertBackbone` and its `.weights.h5`."""
    import keras_hub

    def built():
        width = SIZES[size]["hidden_dim"]
        return keras_hub.models.BertBackbone(
            VOCABULARY, **SIZES[size], intermediate_dim=4 * width, max_sequence_length=LENGTH
        )

    path = scratch_folder() / "model.weights.h5"
    built().save_weights(path)
    inputs = {"token_ids": IDS, "padding_mask": np.ones_like(IDS), "segment_ids": np.zeros_like(IDS)}

    def load() -> None:
        model = built()
        model.load_weights(path)
        model(inputs)["pooled_output"].numpy()

    return load


def transformers(size: str) -> Callable[[], None]:
    """`BertModel.from_pretrained` of a folder with safetensors."""
    import torch
    import transformers

    width = SIZES[size]["hidden_dim"]
    config = transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=SIZES[size]["num_layers"],
        num_attention_heads=SIZES[size]["num_heads"],
        intermediate_size=4 * width,
        max_position_embeddings=LENGTH,
    )
    folder = scratch_folder()
    transformers.BertModel(config).save_pretrained(folder)

    def load() -> None:
        model = transformers.BertModel.from_pretrained(folder).eval()
        with torch.inference_mode():
            model(torch.from_numpy(IDS).long()).pooler_output.numpy()

    return load
