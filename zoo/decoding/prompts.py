"""The pass over the prompts with which greedy, beam and speculative decoding all begin.

Shapes: B batch, P prompt, S length of the cache, V vocabulary.
"""

from keras import ops


def run_prompts(model, tokens, pads, total, cache_dtype=None):
    """Logits of the next token, and the cache with room for what comes.

    Args:
        model: the decoder.
        tokens: int32 [B, P], rows aligned at their ends.
        pads: int32 [B], how many positions lie before each row.
        total: S, int scalar, at least P.
        cache_dtype: of the keys and values kept; the model's own by default.

    Returns: (logits [B, V], bool [B, P] of what is no padding, cache of S positions).
    """
    batch, length = ops.shape(tokens)
    steps = ops.arange(length, dtype="int32")[None] - pads[:, None]  # [B, P]
    logits, cache = model(
        tokens,
        attention_mask=steps >= 0,
        positions=ops.maximum(steps, 0),
        cache=model.make_cache(batch, 0, cache_dtype),
        cache_index=0,
        last_only=True,
    )
    room = [[0, 0], [0, 0], [0, total - length], [0, 0]]
    return logits[:, 0], steps >= 0, [tuple(ops.pad(part, room) for part in pair) for pair in cache]


def occurrences(tokens, inside, vocabulary_size):
    """bool [B, V], the tokens that occur in each row of [B, P]."""
    found = ops.one_hot(ops.where(inside, tokens, -1), vocabulary_size, dtype="bool")
    return ops.any(found, axis=1)
