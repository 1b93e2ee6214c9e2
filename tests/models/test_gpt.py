import keras
import numpy as np
import pytest
from battery import assert_close

import zoo

LLAMA = {"mlp": "swiglu", "norm": "rms", "rotary_base": 100.0, "use_bias": False, "num_kv_heads": 1}


@pytest.mark.parametrize("arguments", [{}, LLAMA], ids=["gpt2", "llama"])
@pytest.mark.parametrize("length", [2, 7])
def test_the_last_position_alone_has_the_logits_and_the_cache_of_all(arguments, length):
    keras.utils.set_random_seed(1)
    model = zoo.models.Gpt(31, 12, 3, 2, max_length=16, **arguments)
    tokens = np.random.default_rng(0).integers(0, 31, (3, length), "int32")
    pads = np.array([0, length // 2, length - 1])
    steps = np.arange(length) - pads[:, None]
    options = {"attention_mask": steps >= 0, "positions": np.maximum(steps, 0)}
    expected = model(tokens, **options)[:, -1:]
    assert_close(model(tokens, last_only=True, **options), expected)
    caches = []
    for room in (0, 9):
        options |= {"cache": model.make_cache(3, room), "cache_index": 0}
        logits, cache = model(tokens, last_only=True, **options)
        assert_close(logits, expected)
        whole, cache_of_all = model(tokens, **options)
        assert_close(whole[:, -1:], expected)
        for found, other in zip(keras.tree.flatten(cache), keras.tree.flatten(cache_of_all), strict=True):
            assert found.shape == (3, found.shape[1], room or length, 6)
            assert_close(found, other)
        caches.append([part[:, :, :length] for part in keras.tree.flatten(cache)])
    for found, other in zip(*caches, strict=True):
        assert_close(found, other)
