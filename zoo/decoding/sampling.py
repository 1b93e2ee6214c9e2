"""From logits to the next token: filters, penalties and draws, all with their numbers as tensors.

No filter sorts the vocabulary: a threshold is found by bisection, in a few passes over the logits.

Shapes: B batch, V vocabulary.
"""

from keras import ops

NEVER = -1e30
HALVINGS = 32  # the range of the logits over 2^32 is below float32's resolution


def next_token(logits, sampler, seed, step):
    """int32 [B], the likeliest token where the temperature is 0, else a draw from what the filters leave.

    Args:
        logits: float32 [B, V].
        sampler: a dict of scalar tensors: `temperature` (0 or more), `top_k` (0 for off), `top_p` in (0, 1],
            `min_p` in [0, 1).
        seed: int scalar.
        step: int scalar, different for every draw.
    """
    warm = ops.maximum(sampler["temperature"], 1e-6)
    filtered = filter_logits(logits / warm, sampler["top_k"], sampler["top_p"], sampler["min_p"])
    drawn = ops.argmax(filtered + gumbel(seed, step, ops.shape(logits)), axis=-1)
    best = ops.argmax(logits, axis=-1)
    return ops.cast(ops.where(sampler["temperature"] > 0, drawn, best), "int32")


def filter_logits(logits, top_k, top_p, min_p):
    """Sets to -1e30 what the filters take out, one after the other; ties at a threshold stay.

    Args:
        logits: float32 [B, V].
        top_k: int scalar; the k largest stay. 0 for all.
        top_p: float scalar; the likeliest stay until they sum to p (arXiv:1904.09751). 1 for all.
        min_p: float scalar; what is at least min_p times as likely as the likeliest stays (arXiv:2407.01082).

    Example:
        >>> filter_logits(np.array([[1.0, 3.0, 2.0]], "float32"), 2, 1.0, 0.0).numpy().tolist()
        [[-1.0000000150474662e+30, 3.0, 2.0]]
    """
    top_k = ops.cast(top_k, "float32")
    ones = ops.ones_like(logits)
    low = _threshold(logits, ones, top_k, (top_k > 0) & (top_k < logits.shape[-1]))
    logits = ops.where(logits < low, NEVER, logits)
    top_p = ops.cast(top_p, "float32")
    low = _threshold(logits, ops.softmax(logits, axis=-1), top_p, top_p < 1)
    logits = ops.where(logits < low, NEVER, logits)
    highest = ops.max(logits, axis=-1, keepdims=True)
    return ops.where(logits < highest + ops.log(ops.maximum(min_p, 1e-30)), NEVER, logits)


def _threshold(values, weights, target, active):
    """float [B, 1], the largest t for which the weights of all values >= t sum to `target` or more."""
    real = values > NEVER / 2
    high = ops.max(values, axis=-1, keepdims=True)
    low = ops.min(ops.where(real, values, high), axis=-1, keepdims=True)
    reaches = ops.sum(ops.where(values >= high, weights, 0.0), axis=-1, keepdims=True) >= target
    low = ops.where(reaches, high, low)

    def halve(step, low, high):
        middle = (low + high) / 2
        mass = ops.sum(ops.where(values >= middle, weights, 0.0), axis=-1, keepdims=True)
        enough = mass >= target
        return step + 1, ops.where(enough, middle, low), ops.where(enough, high, middle)

    steps = ops.where(active, HALVINGS, 0)
    _, low, _ = ops.while_loop(lambda step, *_: step < steps, halve, (ops.zeros((), "int32"), low, high))
    return ops.where(active, low, NEVER)


def penalize(logits, seen, penalty):
    """Divides the positive logits of tokens that occurred by `penalty`, multiplies the negative ones.

    Args:
        logits: float32 [B, V].
        seen: bool [B, V].
        penalty: float scalar above 0; 1 changes nothing.

    Reference: arXiv:1909.05858.
    """
    penalized = ops.where(logits > 0, logits / penalty, logits * penalty)
    return ops.where(seen, penalized, logits)


def gumbel(seed, step, shape):
    """Gumbel noise [B, V] from a counter: the same numbers on every backend, compiled or not.

    A row's noise depends on its index and not on the size of the batch. argmax(logits + noise) is a draw from
    softmax(logits) (arXiv:1411.0030).
    """
    return -ops.log(-ops.log(uniform(seed, step, shape)))


def uniform(seed, step, shape):
    """Numbers [B, V] in (0, 1) from a counter; see `gumbel`."""
    row = ops.cast(ops.arange(shape[0]), "uint32")[:, None]
    column = ops.cast(ops.arange(shape[1]), "uint32")[None]
    key = _mix(ops.cast(seed, "uint32") + _number(0x9E3779B9))
    key = _mix(key ^ _mix(ops.cast(step, "uint32") + _number(0x85EBCA6B)))
    key = _mix(key ^ _mix(row + _number(0xC2B2AE35)))
    bits = _mix(_mix(column + key) ^ (key * _number(0x27D4EB2F)))
    return ops.cast(ops.right_shift(bits, _number(8)), "float32") * 2.0**-24 + 2.0**-25


def _mix(x):
    """A bijection of 32-bit numbers in which every input bit changes half of the output bits."""
    x = (x ^ ops.right_shift(x, _number(16))) * _number(0x7FEB352D)
    x = (x ^ ops.right_shift(x, _number(15))) * _number(0x846CA68B)
    return x ^ ops.right_shift(x, _number(16))


def _number(value):
    return ops.convert_to_tensor(value, dtype="uint32")
