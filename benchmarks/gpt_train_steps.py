"""A training step of nanoGPT's larger character model: 6 layers, 384 wide, context 256, AdamW.

Every contender has the same sizes, batch and dropout: on embeddings, attention weights and both branches of a
block. Shapes: B batch, T time.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.bert_steps import LEARNING_RATE, WEIGHT_DECAY, keras_step

LAYERS, HEADS, WIDTH, VOCABULARY = 6, 6, 384, 257


def rows(batch: int, length: int) -> np.ndarray:
    """The same tokens for every contender, int32 [B, T + 1]."""
    return np.random.default_rng(0).integers(0, VOCABULARY, (batch, length + 1), "int32")


def zoo(batch: int, length: int, dropout: float) -> Callable:
    """What `TextGenerator.fit` runs."""
    import tensorflow as tf
    from zoo.applications import TextGenerator

    from zoo.models import Gpt
    from zoo.preprocessing import BytePair
    from zoo.training import make_optimizer

    model = Gpt(VOCABULARY, WIDTH, LAYERS, HEADS, max_length=length, dropout=dropout)
    application = TextGenerator(model, BytePair.of_bytes(), row_length=length)
    application.compile(optimizer=make_optimizer("adamw", LEARNING_RATE, weight_decay=WEIGHT_DECAY))
    application.make_train_function()
    tokens = rows(batch, length)
    weights = np.ones((batch, length), "float32")
    data = tf.data.Dataset.from_tensors(({"token_ids": tokens[:, :-1]}, tokens[:, 1:], weights))
    batches = iter(data.repeat())

    def train() -> None:
        float(application.train_function(batches)["loss"])

    return train


def keras_hub(batch: int, length: int, dropout: float, jit: bool) -> Callable:
    """`GPT2CausalLM` without its accuracy metric."""
    import keras
    import keras_hub

    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=VOCABULARY,
        num_layers=LAYERS,
        num_heads=HEADS,
        hidden_dim=WIDTH,
        intermediate_dim=4 * WIDTH,
        dropout=dropout,
        max_sequence_length=length,
    )
    whole = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    model = keras.Model(whole.input, whole.output)
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    tokens = rows(batch, length)
    inputs = {"token_ids": tokens[:, :-1], "padding_mask": np.ones((batch, length), "int32")}
    return keras_step(model, optimizer, (inputs, tokens[:, 1:]), "train", jit)


def transformers(batch: int, length: int, dropout: float) -> Callable:
    """`GPT2LMHeadModel`, eager, as its users run it."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=length,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
    )
    model = transformers.GPT2LMHeadModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    ids = torch.from_numpy(rows(batch, length)[:, :-1].copy()).long()

    def train() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss = model(ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        loss.item()

    return train
