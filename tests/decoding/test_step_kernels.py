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
    step_cache,
    step_kernels,
    step_logits,
    step_way,
)
from zoo.decoding.step_shares import count_shares
from zoo.kernels.projection import ROWS

LLAMA = {"mlp": "swiglu", "norm": "rms", "rotary_base": 100.0, "use_bias": False, "num_kv_heads": 2}


def decoder(dtype, **arguments):
    keras.utils.set_random_seed(3)
    model = zoo.models.Gpt(97, 32, 2, 4, max_length=32, dtype=dtype, **arguments)
    model.build((None, None))
    return model


@pytest.mark.parametrize("arguments", [{}, LLAMA, {**LLAMA, "tie_weights": False}])
@pytest.mark.parametrize(
    ("way", "dtype", "rows"),
    [
        ("panels", "float32", 1),
        ("groups", "float32", 3),
        ("groups", "bfloat16", 3),
        ("shares", "float32", 3),
        ("turned", "bfloat16", 1),
        ("turned", "mixed_bfloat16", 1),
    ],
)
def test_copies_give_the_logits_of_the_weights(way, dtype, rows, arguments):
    model = decoder(dtype, **arguments)
    tokens = np.random.default_rng(0).integers(0, 97, (rows, 9), "int32")
    found = one_step(model, tokens, way)
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, model(tokens)[:, -1:], atol=1e-5 if dtype == "float32" else 0.02)


def one_step(model, tokens, way):
    """Logits of the last of `tokens`, after a prefill of the others."""
    rows, last = len(tokens), tokens.shape[1] - 1
    _, cache = model(tokens[:, :-1], cache=model.make_cache(rows, 16), cache_index=0)
    options = {
        "cache": step_cache(model, cache, way),
        "cache_index": tf.constant(last),
        "attention_mask": tf.ones((rows, 16), "bool"),
        "positions": tf.fill((rows, 1), last),
    }
    step = tf.function(
        lambda token, kernels: step_logits(model, token, kernels, way, **options)[0], jit_compile=True
    )
    return step(tf.constant(tokens[:, -1:]), step_kernels(model, way))


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.parametrize("rows", [1, 3])
def test_quantized_models_use_their_weights_as_they_are(rows):
    model = decoder("float32")
    model.quantize("int8")
    assert step_way(model, rows) is None
    tokens = np.random.default_rng(0).integers(0, 97, (rows, 3))
    found, expected = generation.generate(model, tokens, WORTH), tokens
    for _ in range(WORTH):
        likeliest = np.argmax(model(expected)[:, -1:], axis=-1)
        expected = np.concatenate([expected, likeliest], axis=1)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mlp", ["gelu", "geglu"])
@pytest.mark.parametrize(("cores", "heads", "shares"), [(2, 4, 2), (4, 6, 3), (8, 5, 5), (2, 3, 1)])
def test_shares_of_odd_models_give_their_logits(monkeypatch, cores, heads, shares, mlp):
    monkeypatch.setitem(ROWS, "groups", cores)
    model = zoo.models.Gpt(97, 8 * heads, 2, heads, max_length=32, mlp_dim=71, mlp=mlp)
    model.build((None, None))
    for variable in model.variables:  # no bias is left at zero
        variable.assign(np.random.default_rng(1).normal(0, 0.3, variable.shape))
    assert count_shares(model) == shares
    assert step_way(model, 3) == ("shares" if shares > 1 else "groups")
    tokens = np.random.default_rng(0).integers(0, 97, (3, 9), "int32")
    np.testing.assert_allclose(one_step(model, tokens, "shares"), model(tokens)[:, -1:], atol=1e-4)


def test_which_way_a_step_goes():
    model = decoder("float32")
    assert [step_way(model, rows) for rows in (1, 2, FEW)] == ["panels", "shares", "shares"]
    assert [step_way(decoder("bfloat16"), rows) for rows in (1, 2)] == ["turned", "groups"]
    model.blocks[0].mlp_in.enable_lora(2)
    assert step_way(model, 4) == "groups"


@pytest.mark.parametrize("arguments", [{}, LLAMA])
def test_rows_by_shares_are_those_of_the_weights(monkeypatch, arguments):
    model = decoder("float32", **arguments)
    prompts = [[1, 2, 3], [5], [7, 8, 9, 10, 11]]
    options = {"max_new_tokens": WORTH, "temperature": 1.0, "top_k": 9, "seed": 4}
    found = zoo.decoding.generate(model, prompts, **options)
    pieces = list(zoo.decoding.generate(model, prompts, stream=True, **options))
    new = np.concatenate(pieces, axis=1).tolist()
    assert [row[-WORTH:] for row in found] == new
    monkeypatch.setattr(generation, "step_way", lambda *arguments: None)
    assert found == zoo.decoding.generate(model, prompts, **options)


@pytest.mark.parametrize(
    ("dtype", "rows"), [("float32", 1), ("float32", 2), ("bfloat16", 1), ("mixed_bfloat16", 2)]
)
def test_rows_go_on_from_changed_weights(dtype, rows):
    model = decoder(dtype)
    tokens = np.arange(5 * rows, dtype="int32").reshape(rows, 5)
    zoo.decoding.generate(model, tokens, max_new_tokens=WORTH)
    for variable in model.variables:  # only token 7 is likely, whatever came before
        variable.assign(tf.zeros_like(variable))
    model.final_norm.beta.assign(np.eye(32, dtype="float32")[0])
    model.embedding.tokens.embeddings.assign(np.eye(97, 32, k=-7, dtype="float32"))
    found = zoo.decoding.generate(model, tokens, max_new_tokens=WORTH)
    assert found[:, 5:].tolist() == [[7] * WORTH] * rows


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("way", ["panels", "groups", "shares", "turned"])
@pytest.mark.parametrize("weight", ["kernel", "bias"])
def test_copies_are_kept_until_a_weight_changes(weight, way, compiled):
    model = decoder("bfloat16" if way == "turned" else "float32")
    kept = kept_kernels(model, way)
    assert kept_kernels(model, way) is kept
    weight = getattr(model.blocks[1].mlp_in, weight).value
    update = tf.function(lambda: weight.assign_sub(tf.ones_like(weight)), jit_compile=compiled)
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


@pytest.mark.parametrize("arguments", [{}, LLAMA, {**LLAMA, "num_kv_heads": 1}])
def test_beams_by_copies_are_those_of_the_weights(monkeypatch, arguments):
    model = decoder("float32", **arguments)
    tokens = np.arange(6, dtype="int32").reshape(2, 3)
    found = zoo.decoding.generate(model, tokens, max_new_tokens=WORTH, num_beams=3)
    monkeypatch.setattr(generation, "step_way", lambda *arguments: None)
    expected = zoo.decoding.generate(model, tokens, max_new_tokens=WORTH, num_beams=3)
    np.testing.assert_array_equal(found, expected)
