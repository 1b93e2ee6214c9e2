import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.decoding import generation
from zoo.decoding.step_kernels import (
    FEW,
    WORTH,
    forget_kernels,
    kept_kernels,
    step_kernels,
    step_logits,
    step_way,
)

LLAMA = {"mlp": "swiglu", "norm": "rms", "rotary_base": 100.0, "use_bias": False, "num_kv_heads": 2}


def decoder(dtype, **arguments):
    keras.utils.set_random_seed(3)
    model = zoo.models.Gpt(97, 32, 2, 4, max_length=32, dtype=dtype, **arguments)
    model.build((None, None))
    return model


@pytest.mark.parametrize("arguments", [{}, LLAMA, {**LLAMA, "tie_weights": False}])
@pytest.mark.parametrize(
    ("dtype", "rows"), [("float32", 1), ("float32", 3), ("bfloat16", 1), ("mixed_bfloat16", 1)]
)
def test_copies_give_the_logits_of_the_weights(dtype, rows, arguments):
    model = decoder(dtype, **arguments)
    way = step_way(model, rows)
    several = "panels" if rows == 1 else "groups"
    assert way == (several if dtype == "float32" else "turned")
    tokens = np.random.default_rng(0).integers(0, 97, (rows, 9), "int32")
    _, cache = model(tokens[:, :8], cache=model.make_cache(rows, 16), cache_index=0)
    options = {"cache": cache, "cache_index": tf.constant(8), "attention_mask": np.ones((rows, 16), "int32")}
    step = tf.function(
        lambda token, kernels: step_logits(model, token, kernels, way, **options)[0], jit_compile=True
    )
    expected = model(tokens)[:, -1:]
    found = step(tf.constant(tokens[:, 8:]), step_kernels(model, way))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected, atol=1e-5 if dtype == "float32" else 0.02)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_row_goes_on_from_changed_weights(dtype):
    model = decoder(dtype)
    tokens = np.arange(5, dtype="int32")[None]
    zoo.decoding.generate(model, tokens, max_new_tokens=WORTH)
    for variable in model.variables:  # only token 7 is likely, whatever came before
        variable.assign(tf.zeros_like(variable))
    model.final_norm.beta.assign(np.eye(32, dtype="float32")[0])
    model.embedding.tokens.embeddings.assign(np.eye(97, 32, k=-7, dtype="float32"))
    assert zoo.decoding.generate(model, tokens, max_new_tokens=WORTH)[0, 5:].tolist() == [7] * WORTH


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("way", ["panels", "groups", "turned"])
def test_copies_are_kept_until_a_weight_changes(way, compiled):
    model = decoder("bfloat16" if way == "turned" else "float32")
    kept = kept_kernels(model, way)
    assert kept_kernels(model, way) is kept
    kernel = model.blocks[1].mlp_out.kernel.value
    update = tf.function(lambda: kernel.assign_sub(tf.ones_like(kernel)), jit_compile=compiled)
    for _ in range(2):  # the second update may write where the first one did
        update()
        fresh = kept_kernels(model, way)
        assert fresh is not kept
        for found, expected in zip(
            keras.tree.flatten(fresh), keras.tree.flatten(step_kernels(model, way)), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
        kept = fresh
    forget_kernels(model)
    assert kept_kernels(model, way) is not kept


def test_few_steps_and_many_rows_are_not_worth_the_copies():
    model = decoder("float32")
    assert step_way(model, 1, WORTH - 1) is None
    assert step_way(model, FEW + 1) is None
    assert step_kernels(model, None) == []


def test_layers_with_low_rank_changes_keep_them():
    model = decoder("float32")
    for block in model.blocks:
        block.mlp_in.enable_lora(2)
        block.mlp_in.lora_kernel_b.assign(np.ones(block.mlp_in.lora_kernel_b.shape, "float32"))
    tokens = np.arange(5, dtype="int32")[None]
    found = zoo.decoding.generate(model, tokens, max_new_tokens=WORTH)
    expected = tokens
    for _ in range(WORTH):
        logits = model(expected)[:, -1]
        expected = np.concatenate([expected, np.argmax(logits, -1)[:, None]], axis=1)
    np.testing.assert_array_equal(found, expected)


def test_beams_by_panels_are_those_of_the_weights(monkeypatch):
    model = decoder("float32")
    tokens = np.arange(6, dtype="int32").reshape(2, 3)
    found = zoo.decoding.generate(model, tokens, max_new_tokens=WORTH, num_beams=3)
    monkeypatch.setattr(generation, "step_way", lambda *arguments: None)
    expected = zoo.decoding.generate(model, tokens, max_new_tokens=WORTH, num_beams=3)
    np.testing.assert_array_equal(found, expected)
