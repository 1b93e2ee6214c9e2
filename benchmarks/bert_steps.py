"""Steps of BERT: a two-class text classifier in training (AdamW), and the encoder in inference.

Every contender has the same sizes, batch and dropout: on embeddings, attention weights and both outputs of a
block. Shapes: B batch, T time.
"""

from collections.abc import Callable

import numpy as np

SIZES = {
    "minilm": {"num_layers": 6, "hidden_dim": 384, "num_heads": 12},
    "base": {"num_layers": 12, "hidden_dim": 768, "num_heads": 12},
}
VOCABULARY = 30522
LENGTH = 512
LEARNING_RATE, WEIGHT_DECAY = 1e-4, 0.01


def random_batch(batch: int, length: int) -> tuple[dict, np.ndarray]:
    """The same ids, int32 [B, T], without padding, and labels [B] for every contender."""
    random = np.random.default_rng(0)
    ids = random.integers(1000, VOCABULARY, (batch, length), "int32")
    return {"token_ids": ids, "attention_mask": np.ones_like(ids)}, random.integers(0, 2, batch, "int32")


def zoo(
    size: str,
    mode: str,
    batch: int,
    length: int,
    dropout: float,
    dtype: str,
    jit: bool,
    positions: int = LENGTH,
    activation: str = "gelu",
) -> Callable:
    from zoo.models import Bert, BertClassifier
    from zoo.training import make_optimizer

    options = {"max_length": positions, "dropout": dropout, "activation": activation, "dtype": dtype}
    bert = Bert(VOCABULARY, **SIZES[size], **options)
    model = BertClassifier(bert, 2) if mode == "train" else bert
    optimizer = make_optimizer("adamw", LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return keras_step(model, optimizer, random_batch(batch, length), mode, jit)


def keras_hub(
    size: str,
    mode: str,
    batch: int,
    length: int,
    dropout: float,
    dtype: str,
    jit: bool,
    positions: int = LENGTH,
) -> Callable:
    import keras
    import keras_hub

    bert = keras_hub.models.BertBackbone(
        VOCABULARY,
        **SIZES[size],
        intermediate_dim=4 * SIZES[size]["hidden_dim"],
        max_sequence_length=positions,
        dropout=dropout,
        dtype=dtype,
    )
    model = bert
    if mode == "train":
        model = keras_hub.models.BertTextClassifier(
            bert, num_classes=2, preprocessor=None, dropout=dropout, activation=None
        )
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    inputs, labels = random_batch(batch, length)
    theirs = {"padding_mask": inputs["attention_mask"], "segment_ids": np.zeros_like(inputs["token_ids"])}
    theirs["token_ids"] = inputs["token_ids"]
    return keras_step(model, optimizer, (theirs, labels), mode, jit)


def keras_step(model, optimizer, data: tuple, mode: str, jit: bool) -> Callable:
    """One step of Keras' own compiled train or predict function; it ends with its result on the host."""
    import keras
    import tensorflow as tf

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, jit_compile=jit)
    inputs, labels = tf.nest.map_structure(tf.constant, data)
    if mode == "train":
        model.make_train_function()
        batches = iter(tf.data.Dataset.from_tensors((inputs, labels)).repeat())

        def train() -> None:
            float(model.train_function(batches)["loss"])

        return train
    model(inputs)
    model.make_predict_function()

    def infer() -> None:
        tf.nest.map_structure(lambda tensor: tensor.numpy(), model.predict_function([(inputs,)]))

    return infer


def transformers(
    size: str, mode: str, batch: int, length: int, dropout: float, dtype: str, positions: int = LENGTH
) -> Callable:
    """Eager steps, as its users run them; bfloat16 by autocast."""
    import torch
    import transformers

    torch.manual_seed(0)
    sizes = SIZES[size]
    config = transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=sizes["hidden_dim"],
        num_hidden_layers=sizes["num_layers"],
        num_attention_heads=sizes["num_heads"],
        intermediate_size=4 * sizes["hidden_dim"],
        max_position_embeddings=positions,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    data, labels = random_batch(batch, length)
    inputs = {"input_ids": data["token_ids"], "attention_mask": data["attention_mask"]}
    inputs = {name: torch.from_numpy(value).long() for name, value in inputs.items()}
    labels = torch.from_numpy(labels).long()
    narrow = torch.autocast("cpu", torch.bfloat16, enabled=dtype == "mixed_bfloat16")
    if mode == "train":
        model = transformers.BertForSequenceClassification(config).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)

        def train() -> None:
            optimizer.zero_grad(set_to_none=True)
            with narrow:
                loss = model(**inputs, labels=labels).loss
            loss.backward()
            optimizer.step()
            loss.item()

        return train
    model = transformers.BertModel(config).eval()

    def infer() -> None:
        with torch.inference_mode(), narrow:
            model(**inputs).last_hidden_state.float().numpy()

    return infer
