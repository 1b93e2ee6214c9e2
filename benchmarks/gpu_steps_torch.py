"""Training steps of torch and transformers on a GPU where there is one, by autocast to bfloat16.

Shapes: B batch, T time.
"""

from collections.abc import Callable

import numpy as np
import torch
import transformers

from benchmarks import torch_resnet
from benchmarks.bert_steps import LEARNING_RATE, SIZES, VOCABULARY, WEIGHT_DECAY, random_batch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def resnet50(batch: int, size: int, compiled: bool, builder: str = "resnet50") -> Callable[[], float]:
    images = torch.randn(batch, 3, size, size).to(DEVICE, memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (batch,), device=DEVICE)
    model = getattr(torch_resnet, builder)(channels=3, classes=1000)
    model = model.to(DEVICE, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training(
        model, optimizer, lambda run: torch.nn.functional.cross_entropy(run(images), labels), compiled
    )


def bert(size: str, batch: int, length: int, compiled: bool) -> Callable[[], float]:
    sizes = SIZES[size]
    config = transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=sizes["hidden_dim"],
        num_hidden_layers=sizes["num_layers"],
        num_attention_heads=sizes["num_heads"],
        intermediate_size=4 * sizes["hidden_dim"],
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    data, labels = random_batch(batch, length)
    names = {"input_ids": "token_ids", "attention_mask": "attention_mask"}
    inputs = {name: torch.from_numpy(data[ours]).long().to(DEVICE) for name, ours in names.items()}
    labels = torch.from_numpy(labels).long().to(DEVICE)
    model = transformers.BertForSequenceClassification(config).train().to(DEVICE)
    return training(model, adamw(model), lambda run: run(**inputs, labels=labels).loss, compiled)


def gpt(
    batch: int, length: int, width: int, layers: int, vocabulary: int, compiled: bool
) -> Callable[[], float]:
    config = transformers.GPT2Config(
        vocab_size=vocabulary,
        n_positions=length,
        n_embd=width,
        n_layer=layers,
        n_head=width // 64,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    tokens = np.random.default_rng(0).integers(0, vocabulary, (batch, length))
    tokens = torch.from_numpy(tokens).long().to(DEVICE)
    model = transformers.GPT2LMHeadModel(config).train().to(DEVICE)
    return training(model, adamw(model), lambda run: run(tokens, labels=tokens).loss, compiled)


def adamw(model: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)


def training(model, optimizer, loss: Callable, compiled: bool) -> Callable[[], float]:
    """A step, which returns its loss. `loss` gets the model, or the compiled one."""
    run = torch.compile(model) if compiled else model

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(DEVICE, torch.bfloat16):
            value = loss(run)
        value.backward()
        optimizer.step()
        return value.item()

    return step
