"""A step of several rows in which each core has a share of every block: some heads, some hidden units.

XLA goes on with what waits for a library product alone on the core that has computed it. So a core that
multiplies by the projections of its heads goes on to their attention and to their part of the output
projection, and likewise through the feed-forward network: the cores meet twice a block instead of at every
product, and none waits while another attends. It is the tensor parallelism of arXiv:1909.08053, on the cores
of one processor.

XLA gives values that do not live at once the same memory, and then has to run one share behind the other.
What a loop returns has memory of its own, so every value between is returned, as scratch.

Shapes: R rows, D model width, H query heads, K key and value heads, W width of a head, S length of the cache,
M width of the feed-forward network, V vocabulary.
"""

from keras import ops

from zoo.kernels import panel_product, panels_of
from zoo.kernels.attention import HIDDEN
from zoo.kernels.projection import ROWS, cuts
from zoo.layers.rotary import rotate

ONE_SHARE = {**ROWS, "groups": 1}  # for `panels_of`


def count_shares(model):
    """How many cores can have a share of the heads of `model`; 1 where they cannot be shared."""
    kv_heads = model.blocks[0].attention.num_kv_heads
    return max(n for n in range(1, ROWS["groups"] + 1) if kv_heads % n == 0)


def share_kernels(model):
    """Copies of the weights for `share_logits`: panels of the head, then those of each block's shares."""
    n = count_shares(model)
    head = panels_of(model.head_kernel(), **ROWS, turned=True)
    return [head, *([_share(block, i, n) for i in range(n)] for block in model.blocks)]


def shared_cache(model, cache):
    """The cache of a prefill as `share_logits` takes it: keys and values of each block's shares."""
    n = count_shares(model)
    split = [[ops.split(part, n, axis=1) for part in pair] for pair in cache]
    return [list(zip(keys, values, strict=True)) for keys, values in split]


def empty_scratch(model, cache):
    """What `share_logits` takes as scratch in the first step."""
    pairs, block = cache[0], model.blocks[0]  # all blocks are of the same shapes
    scratch = [_scratch(block, keys, i, len(pairs)) for i, (keys, _) in enumerate(pairs)]
    return [scratch for _ in model.blocks]


def share_logits(model, token, kernels, attention_mask, positions, cache, cache_index):
    """(logits float32 [R, 1, V], cache, scratch) of `model(token [R, 1], ...)`.

    Args:
        model: a `zoo.models.Gpt`.
        token: int [R, 1].
        kernels: of `share_kernels`.
        attention_mask: bool [R, S].
        positions: int [R, 1].
        cache: of `shared_cache`, or of the last step.
        cache_index: int scalar, where in S the new position is.
    """
    head, *blocks = kernels
    seen = ops.logical_and(attention_mask, ops.arange(attention_mask.shape[1]) <= cache_index)[:, None, None]
    place = ops.stack([0, 0, cache_index, 0])
    x = model.embedding(token, positions=positions)[:, 0]  # [R, D]
    written, scratch = [], []
    for block, shares, pairs in zip(model.blocks, blocks, cache, strict=True):
        x, pairs, between = _step(block, x, shares, pairs, seen, positions, place)
        written.append(pairs)
        scratch.append(between)
    logits = panel_product(model.final_norm(x), head, model.vocabulary_size)
    return ops.cast(logits[:, None], "float32"), written, scratch


def _step(block, x, shares, pairs, seen, positions, place):
    """(y [R, D], pairs, scratch) of one block."""
    n, attended, written, scratch = len(shares), [], [], []
    hidden = block.attention_norm(x)
    for share, pair in zip(shares, pairs, strict=True):
        y, pair, between = _attend(block.attention, hidden, share, pair, n, seen, positions, place)
        attended.append(y)
        written.append(pair)
        scratch.append(between)
    x = x + _sum(attended, block.attention.out.bias)
    hidden = block.mlp_norm(x)
    ends = []
    for i, share in enumerate(shares):
        units = _feed(block, hidden, share, i, n)
        ends.append(panel_product(units, share["mlp_out"], block.hidden_dim))
        scratch[i].append(units)
    return x + _sum(ends, block.mlp_out.bias), written, scratch


def _attend(layer, x, share, pair, n, seen, positions, place):
    """(y [R, D] of the heads of a share, without a bias; their keys and values; what came between).

    The attention of `zoo.kernels.attention` for one query, step by step, as each value has to be returned.
    """
    heads, kv_heads, width = layer.num_heads // n, layer.num_kv_heads // n, layer.width
    parts = panel_product(x, share["qkv"], (heads + 2 * kv_heads) * width)
    if layer.qkv.bias is not None:
        parts = parts + share["qkv_bias"]
    parts = ops.reshape(parts, (-1, heads + 2 * kv_heads, 1, width))
    queries, keys, values = ops.split(parts, (heads, heads + kv_heads), axis=1)  # [R, H or K, 1, W]
    if layer.rotary_base:
        queries, keys = (rotate(part, positions, layer.rotary_base) for part in (queries, keys))
    pair = tuple(
        ops.slice_update(old, place, ops.cast(new, old.dtype))
        for old, new in zip(pair, (keys, values), strict=True)
    )
    keys, values = (ops.cast(part, x.dtype) for part in pair)
    queries = ops.reshape(queries, (-1, kv_heads, heads // kv_heads, width)) * width**-0.5
    queries = ops.swapaxes(queries, -1, -2)
    scores = ops.swapaxes(ops.matmul(keys, queries), -1, -2)  # [R, K, H/K, S]
    masked = ops.where(seen, scores, HIDDEN)
    peak = ops.max(masked, axis=-1, keepdims=True)
    weights = ops.exp(masked - peak)
    total = ops.sum(weights, axis=-1, keepdims=True)
    mixed = ops.matmul(weights, values)
    mean = mixed / total
    y = panel_product(ops.reshape(mean, (-1, heads * width)), share["out"], x.shape[-1])
    return y, pair, [queries, scores, masked, peak, weights, total, mixed, mean]


def _scratch(block, keys, i, n):
    """Zeros of the shapes of what comes between in share i of a block."""
    rows, kv_heads, length, width = keys.shape
    queries = block.attention.num_heads // block.attention.num_kv_heads
    sizes = [length, length, 1, length, 1, width, width]
    begin, end = cuts(block.mlp_dim, n)[i]
    shapes = [(rows, kv_heads, width, queries), *((rows, kv_heads, queries, size) for size in sizes)]
    return [ops.zeros(shape, block.compute_dtype) for shape in (*shapes, (rows, end - begin))]


def _feed(block, x, share, i, n):
    """The hidden units of share i, [R, M / n]."""
    begin, end = cuts(block.mlp_dim, n)[i]
    units = panel_product(x, share["mlp_in"], (end - begin) * (2 if block.gated else 1))
    if block.mlp_in.bias is not None:
        units = units + share["mlp_in_bias"]
    return block.activate(units)


def _share(block, i, n):
    """The panels of share i of n of a block, and its part of the biases."""
    layer = block.attention
    heads = layer.num_heads * layer.width
    rows, units = slice(heads * i // n, heads * (i + 1) // n), slice(*cuts(block.mlp_dim, n)[i])
    biases = {}
    if layer.qkv.bias is not None:
        biases["qkv_bias"] = _head_columns(layer.qkv.bias, layer, i, n)
    if block.mlp_in.bias is not None:
        biases["mlp_in_bias"] = _hidden_columns(block.mlp_in.bias, block, i, n)
    return {
        **biases,
        "qkv": panels_of(_head_columns(layer.qkv.kernel, layer, i, n), **ONE_SHARE),
        "out": panels_of(layer.out.kernel[rows], **ONE_SHARE),
        "mlp_in": panels_of(_hidden_columns(block.mlp_in.kernel, block, i, n), **ONE_SHARE),
        "mlp_out": panels_of(block.mlp_out.kernel[units], **ONE_SHARE),
    }


def _head_columns(weights, layer, i, n):
    """Of [..., (H + 2 K) W] the queries, keys and values of the heads of share i."""
    begin, parts = 0, []
    for count in (layer.num_heads, layer.num_kv_heads, layer.num_kv_heads):
        size = count * layer.width
        parts.append(weights[..., begin + size * i // n : begin + size * (i + 1) // n])
        begin += size
    return ops.concatenate(parts, axis=-1)


def _hidden_columns(weights, block, i, n):
    """Of [..., M], or gated [..., 2 M], the hidden units of share i."""
    begin, end = cuts(block.mlp_dim, n)[i]
    first = weights[..., begin:end]
    if not block.gated:
        return first
    return ops.concatenate([first, weights[..., block.mlp_dim + begin : block.mlp_dim + end]], axis=-1)


def _sum(parts, bias):
    return sum(parts[1:], parts[0]) if bias is None else sum(parts[1:], parts[0]) + bias
