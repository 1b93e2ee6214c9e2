import time

import battery
import keras
import numpy as np
import pytest
import tensorflow as tf
from battery import assert_close

from zoo.layers import SelfAttention, TransformerBlock, packed_mask

BATCH, TIME, WIDTH, CACHE = 3, 7, 8, 11
OPTIONS = [
    {"num_heads": 4},
    {"num_heads": 4, "num_kv_heads": 2, "head_dim": 6, "rotary_base": 100.0, "use_bias": False},
]


def inputs(seed=0, time=TIME):
    return np.random.default_rng(seed).normal(size=(BATCH, time, WIDTH)).astype("float32")


def attention(**options):
    layer = SelfAttention(**{"num_heads": 2, **options})
    layer.build((None, None, WIDTH))
    battery.randomize(layer)
    return layer


def by_hand(layer, x, mask):
    """Every head by itself, in NumPy; mask bool [B, T, T]."""
    x = x.astype("float64")
    rows = x @ layer.qkv.kernel.numpy() + layer.qkv.bias.numpy()
    heads, width = layer.num_heads, layer.width
    out = []
    for h in range(heads):
        q, k, v = (rows[..., (part * heads + h) * width :][..., :width] for part in range(3))
        scores = np.where(mask, q @ k.transpose(0, 2, 1) / np.sqrt(width), -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        out.append(weights / weights.sum(-1, keepdims=True) @ v)
    return np.concatenate(out, -1) @ layer.out.kernel.numpy() + layer.out.bias.numpy()


@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_padding_mask_is_the_formula(dtype):
    layer, x = attention(), inputs()
    seen = np.arange(TIME) < np.array([7, 4, 1])[:, None]
    expected = by_hand(layer, x, np.broadcast_to(seen[:, None], (BATCH, TIME, TIME)))
    assert_close(layer(x, attention_mask=seen.astype(dtype)), expected)


def test_causal_mask_is_the_formula():
    layer, x = attention(causal=True), inputs()
    assert_close(layer(x), by_hand(layer, x, np.tril(np.ones((1, TIME, TIME), "bool"))))


def test_packed_texts_equal_the_texts_alone():
    layer, x = attention(causal=True, rotary_base=100.0), inputs()
    ids = np.array([[1, 1, 1, 2, 2, 0, 0]] * BATCH)
    positions = np.array([[0, 1, 2, 0, 1, 0, 0]] * BATCH)
    packed = layer(x, attention_mask=packed_mask(ids), positions=positions)
    assert np.isfinite(packed).all()
    assert_close(packed[:, :3], layer(x[:, :3]))
    assert_close(packed[:, 3:5], layer(x[:, 3:5]))


@pytest.mark.parametrize("options", OPTIONS, ids=["gpt", "llama"])
@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "xla"])
def test_steps_through_the_cache_equal_the_whole(options, compiled):
    layer, x = attention(causal=True, **options), inputs()
    whole = layer(x)

    @tf.function(jit_compile=compiled)
    def decode(x):
        y, cache = layer(x[:, :3], cache=layer.make_cache(BATCH, CACHE), cache_index=0)
        rest = tf.zeros_like(x)

        def step(index, rest, *cache):
            token = keras.ops.slice(x, (0, index, 0), (BATCH, 1, WIDTH))
            new, cache = layer(token, cache=cache, cache_index=index)
            return index + 1, keras.ops.slice_update(rest, (0, index, 0), new), *cache

        _, rest, *_ = tf.while_loop(lambda index, *_: index < TIME, step, (tf.constant(3), rest, *cache))
        return tf.concat([y, rest[:, 3:]], 1)

    assert_close(decode(tf.constant(x)), whole)


@pytest.mark.parametrize("options", OPTIONS, ids=["gpt", "llama"])
def test_rows_of_different_lengths_share_a_step(options):
    """Row b holds lengths[b] tokens, padded on the right; the next token lands right behind them."""
    layer, x = attention(causal=True, **options), inputs()
    lengths = np.array([2, 5, 4])
    expected = np.stack([layer(x[b : b + 1, : n + 1])[0, -1] for b, n in enumerate(lengths)])
    _, cache = layer(x[:, :5], cache=layer.make_cache(BATCH, CACHE), cache_index=0)
    new = np.stack([x[b, n : n + 1] for b, n in enumerate(lengths)])
    y, _ = layer(new, cache=cache, cache_index=tf.constant(lengths))
    assert_close(y[:, 0], expected)


def test_left_padding_goes_through_mask_and_positions():
    layer, x = attention(causal=True, rotary_base=100.0), inputs()
    expected = layer(x[:, 2:])
    mask = np.arange(CACHE) >= 2
    positions = np.maximum(np.arange(TIME) - 2, 0)
    cache = layer.make_cache(BATCH, CACHE)
    first = np.broadcast_to(mask[:5], (BATCH, 5))
    _, cache = layer(x[:, :5], attention_mask=first, positions=positions[:5], cache=cache, cache_index=0)
    mask = np.broadcast_to(mask, (BATCH, CACHE))
    y, _ = layer(x[:, 5:], attention_mask=mask, positions=positions[5:], cache=cache, cache_index=5)
    assert_close(y, expected[:, 3:])


def test_scores_are_the_weights_of_the_keys():
    layer, x = attention(num_heads=4, num_kv_heads=2, dropout=0.5), inputs()
    seen = np.arange(TIME) < np.array([7, 4, 1])[:, None]
    y, weights = layer(x, attention_mask=seen, return_scores=True)
    assert weights.shape == (BATCH, 4, TIME, TIME)
    assert_close(np.sum(weights, -1), np.ones((BATCH, 4, TIME)))
    assert np.abs(np.where(seen[:, None, None], 0, weights)).max() == 0
    assert_close(y, layer(x, attention_mask=seen))
    *_, weights = layer(x[:, :3], cache=layer.make_cache(BATCH, CACHE), cache_index=0, return_scores=True)
    assert weights.shape == (BATCH, 4, 3, 3)


@pytest.mark.slow
def test_dropout_keeps_the_expectation():
    layer, x = attention(dropout=0.2), inputs()
    plain = layer(x)
    assert_close(layer(x, training=False), plain)
    mean = np.mean([layer(x, training=True) for _ in range(400)], axis=0)
    assert np.abs(mean - plain).max() < 0.15 * np.abs(plain).max()
    assert np.abs(layer(x, training=True) - plain).max() > 0.01


@pytest.mark.parametrize("norm_first", [False, True])
def test_block_passes_cache_and_scores_through(norm_first):
    block = TransformerBlock(WIDTH, 2, causal=True, norm_first=norm_first)
    block.build((None, None, WIDTH))
    battery.randomize(block)
    x = inputs()
    whole, weights = block(x, return_scores=True)
    first, cache = block(x[:, :4], cache=block.make_cache(BATCH, CACHE), cache_index=0)
    second, cache, later = block(x[:, 4:], cache=cache, cache_index=4, return_scores=True)
    assert_close(np.concatenate([first, second], 1), whole)
    assert_close(later[..., :TIME], weights[:, :, 4:])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"num_heads": 3, "num_kv_heads": 2}, "num_kv_heads: expected a divisor of .*3.*, found 2"),
        ({"num_heads": 3}, "num_heads: expected a divisor of the width 8, found 3"),
        ({"num_heads": 2, "dropout": 1.0}, r"dropout: expected a number in \[0, 1\), found 1.0"),
        ({"num_heads": 2, "head_dim": 3, "rotary_base": 10.0}, "head_dim: expected an even width"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_arguments_are_named(options, match):
    with pytest.raises(ValueError, match=match):
        SelfAttention(**options).build((None, None, WIDTH))


def test_a_cache_needs_its_index():
    layer = attention()
    with pytest.raises(ValueError, match="cache_index: expected where"):
        layer(inputs(), cache=layer.make_cache(BATCH, CACHE))


def test_a_causal_graph_is_no_slower_than_its_operations_one_by_one():
    """The sum of scores and mask, joined to the product by TensorFlow, took thirty times the time."""
    layer = SelfAttention(4, causal=True)
    x = tf.random.normal((4, 256, 64))
    layer(x)
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, 256, 64))], autograph=False)

    def seconds(call):
        call(x)
        spans = []
        for _ in range(4):
            start = time.process_time()
            call(x)
            spans.append(time.process_time() - start)
        return min(spans)

    assert seconds(graph) < 4 * seconds(layer)
