"""Scaled dot-product attention (arXiv:1706.03762) with grouped heads (arXiv:2305.13245).

Shapes: B batch, H query heads, K key and value heads (H = K G), T queries, S keys, D width of a head.
"""

import keras
from keras import ops

from zoo.kernels.dropout import dropout_plain


def attention(queries, keys, values, bias=None, dropout_rate=0.0, seed=None, training=False):
    """softmax(q k^T / sqrt(D) + bias) v, each group of G query heads on its own key and value head.

    Args:
        queries: float [B, H, T, D].
        keys, values: float [B, K, S, D]; query head h uses head h // G.
        bias: float, broadcast to [B, 1, T, S]: 0 where a query sees a key, a large negative number elsewhere.
            It is a constant: no gradient goes to it.
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
    weights = attention_weights(scores, bias, dropout_rate, seed, training)
    if groups == 1:
        return ops.matmul(weights, values), weights
    rows = ops.reshape(weights, (batch, heads // groups, groups * length, -1))
    return ops.reshape(ops.matmul(rows, values), (batch, heads, length, width)), weights


def attention_weights_plain(scores, bias=None, dropout_rate=0.0, seed=None):
    """dropout(softmax(scores + bias)) over the last axis, inside in float32, in the dtype of `scores`."""
    wide = ops.cast(scores, "float32")
    if bias is not None:
        # Not a sum: TensorFlow would join it to the product, by a kernel of oneDNN a hundred times slower.
        bias = ops.stop_gradient(ops.cast(bias, "float32"))
        wide = ops.where(ops.equal(bias, 0), wide, bias)
    weights = ops.cast(ops.softmax(wide, axis=-1), scores.dtype)
    return dropout_plain(weights, dropout_rate, seed) if dropout_rate else weights


def attention_weights(scores, bias=None, dropout_rate=0.0, seed=None, training=False):
    """`attention_weights_plain` by the fastest path of the running backend."""
    if training and keras.backend.backend() == "tensorflow":
        from zoo.kernels.attention_tensorflow import attention_weights_tensorflow

        return attention_weights_tensorflow(scores, bias, dropout_rate, seed)
    return attention_weights_plain(scores, bias, dropout_rate, seed)
