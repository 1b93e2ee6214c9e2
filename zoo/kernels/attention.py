"""Scaled dot-product attention (arXiv:1706.03762) with grouped heads (arXiv:2305.13245).

Shapes: B batch, H query heads, K key and value heads (H = K G), T queries, S keys, D width of a head.
"""

import keras
from keras import ops

from zoo.kernels.dropout import dropout_plain

HIDDEN = -1e9  # the score of a key that a query does not see


def attention(queries, keys, values, seen=None, dropout_rate=0.0, seed=None, training=False):
    """softmax(q k^T / sqrt(D)) v over the keys that a query sees; G query heads share a key and value head.

    Args:
        queries: float [B, H, T, D].
        keys, values: float [B, K, S, D]; query head h uses head h // G.
        seen: bool, broadcast to [B, 1, T, S]: where a query sees a key; None for everywhere. A query that
            sees none gives them all the same weight.
        dropout_rate: of the weights, in [0, 1).
        seed: see `zoo.kernels.dropout`; needed where the rate is not 0.
        training: a gradient will be asked for.

    Returns: float [B, H, T, D], and the weights, [B, H, T, S], after dropout.
    """
    batch, heads, length, width = ops.shape(queries)
    groups = heads // keys.shape[1]
    queries = queries * ops.cast(width**-0.5, queries.dtype)
    if groups > 1:  # the queries of a group as more rows of one product
        queries = ops.reshape(queries, (batch, heads // groups, groups * length, width))
    if queries.shape[2] == groups:  # one query: it takes the keys as they lie, where XLA would turn a copy
        scores = ops.swapaxes(ops.matmul(keys, ops.swapaxes(queries, -1, -2)), -1, -2)  # [B, K, G, S]
    else:
        scores = ops.matmul(queries, ops.swapaxes(keys, -1, -2))  # [B, K, G T, S]
    if groups > 1:
        scores = ops.reshape(scores, (batch, heads, length, -1))
    weights = attention_weights(scores, seen, dropout_rate, seed, training)
    if groups == 1:
        return ops.matmul(weights, values), weights
    rows = ops.reshape(weights, (batch, heads // groups, groups * length, -1))
    return ops.reshape(ops.matmul(rows, values), (batch, heads, length, width)), weights


def attention_weights_plain(scores, seen=None, dropout_rate=0.0, seed=None):
    """dropout(softmax(scores)) over what is seen of the last axis, inside in float32."""
    wide = ops.cast(scores, "float32")
    if seen is not None:
        # Not a sum: TensorFlow would join it to the product, by a kernel of oneDNN a hundred times slower.
        wide = ops.where(seen, wide, HIDDEN)
    weights = ops.cast(ops.softmax(wide, axis=-1), scores.dtype)
    return dropout_plain(weights, dropout_rate, seed) if dropout_rate else weights


def attention_weights(scores, seen=None, dropout_rate=0.0, seed=None, training=False):
    """`attention_weights_plain` by the fastest path of the running backend."""
    if training and keras.backend.backend() == "tensorflow":
        from zoo.kernels.attention_tensorflow import attention_weights_tensorflow

        return attention_weights_tensorflow(scores, seen, dropout_rate, seed)
    return attention_weights_plain(scores, seen, dropout_rate, seed)
