import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.decoding.step_kernels import step_kernels, step_logits, step_way

LLAMA = {"mlp": "swiglu", "norm": "rms", "rotary_base": 100.0, "use_bias": False, "num_kv_heads": 2}


def decoder(dtype, **arguments):
    keras.utils.set_random_seed(3)
    model = zoo.models.Gpt(97, 32, 2, 4, max_length=32, dtype=dtype, **arguments)
    model.build((None, None))
    return model


@pytest.mark.parametrize("arguments", [{}, LLAMA, {**LLAMA, "tie_weights": False}])
@pytest.mark.parametrize(("dtype", "rows"), [("float32", 3), ("bfloat16", 1), ("mixed_bfloat16", 1)])
def test_copies_give_the_logits_of_the_weights(dtype, rows, arguments):
    model = decoder(dtype, **arguments)
    way = step_way(model, rows)
    assert way == ("turned" if rows == 1 else "head" if model.tie_weights else None)
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


def test_a_row_of_bfloat16_goes_on_from_changed_weights():
    model = decoder("bfloat16")
    tokens = np.arange(5, dtype="int32")[None]
    zoo.decoding.generate(model, tokens, max_new_tokens=4)
    for variable in model.variables:  # only token 7 is likely, whatever came before
        variable.assign(tf.zeros_like(variable))
    model.final_norm.beta.assign(np.eye(32, dtype="float32")[0])
    model.embedding.tokens.embeddings.assign(np.eye(97, 32, k=-7, dtype="float32"))
    assert zoo.decoding.generate(model, tokens, max_new_tokens=4)[0, 5:].tolist() == [7] * 4
