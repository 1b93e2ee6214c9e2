"""Scaled dot-product attention (arXiv:1706.03762) with grouped heads (arXiv:2305.13245).

Shapes: B batch, H query heads, K key and value heads (H = K G), T queries, S keys, D width of a head.
"""

from keras import ops

from zoo.kernels.dropout import dropout


def attention(queries, keys, values, bias=None, dropout_rate=0.0, seed=None):
    """softmax(q k^T / sqrt(D) + bias) v, each group of G query heads on its own key and value head.

    Args:
        queries: float [B, H, T, D].
        keys, values: float [B, K, S, D]; query head h uses head h // G.
        bias: float, broadcast to [B, 1, T, S]: 0 where a query sees a key, a large negative number elsewhere.
        dropout_rate: of the weights, in [0, 1).
        seed: see `zoo.kernels.dropout`; needed where the rate is not 0.

    Returns: float [B, H, T, D], and the weights before dropout, [B, H, T, S].
    """
    batch, heads, length, width = ops.shape(queries)
    groups = heads // keys.shape[1]
    queries = queries * ops.cast(width**-0.5, queries.dtype)
    if groups > 1:  # the queries of a group as more rows of one product
        queries = ops.reshape(queries, (batch, heads // groups, groups * length, width))
    scores = ops.matmul(queries, ops.swapaxes(keys, -1, -2))  # [B, K, G T, S]
    if groups > 1:
        scores = ops.reshape(scores, (batch, heads, length, -1))
    weights = attention_weights(scores, bias)
    dropped = dropout(weights, dropout_rate, seed)
    if groups > 1:
        dropped = ops.reshape(dropped, (batch, heads // groups, groups * length, -1))
    y = ops.matmul(dropped, values)  # [B, K, G T, D]
    return (ops.reshape(y, (batch, heads, length, width)) if groups > 1 else y), weights


def attention_weights(scores, bias=None):
    """softmax(scores + bias) over the last axis, inside in float32, in the dtype of `scores`."""
    wide = ops.cast(scores, "float32")
    if bias is not None:
        wide = wide + ops.cast(bias, "float32")
    return ops.cast(ops.softmax(wide, axis=-1), scores.dtype)
