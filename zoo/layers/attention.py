"""Self-attention of encoders and decoders (arXiv:1706.03762), with a key-value cache for decoding.

Shapes: B batch, T time, D model width, H query heads, K key and value heads, W width of a head, S length of
the cache, or T without one.
"""

import keras
from keras import ops

from zoo import kernels
from zoo.layers.rotary import rotate


def packed_mask(text_ids):
    """Who sees whom in rows that hold several texts each.

    Args:
        text_ids: int [B, T]; positions of one text share a number above 0, padding has 0.

    Returns: int32 [B, T, T], 1 where both positions belong to the same text.

    Example:
        >>> packed_mask(np.array([[1, 1, 2, 0]]))[0, 1].numpy().tolist()
        [1, 1, 0, 0]
    """
    same = ops.equal(text_ids[:, :, None], text_ids[:, None, :])
    return ops.cast(ops.logical_and(same, ops.not_equal(text_ids, 0)[:, :, None]), "int32")


@keras.saving.register_keras_serializable("zoo")
class SelfAttention(keras.layers.Layer):
    """y = concat_h(softmax(q_h k_h^T / sqrt(W) + mask) v_h) W_out, with (q, k, v) from one product x W_qkv.

    `keras.layers.MultiHeadAttention` makes three products, has no cache, no rotary positions, and leaves its
    fast path as soon as dropout is set.

    Args:
        num_heads: H.
        num_kv_heads: K, a divisor of H; None for H.
        head_dim: W; None for D / H.
        use_bias: of the fused projection.
        output_bias: of the output projection; None for `use_bias`.
        causal: a position sees itself and what is before it.
        rotary_base: of rotary positions (arXiv:2104.09864); None for none.
        dropout: rate on the attention weights.
        kernel_initializer: of the fused projection.
        output_initializer: of the output projection; None for `kernel_initializer`.
        **kwargs: `name`, `dtype`.

    Call arguments:
        x: float [B, T, D].
        attention_mask: int or bool, 1 where a key is seen: [B, S], or [B, T, S] (`packed_mask`).
        positions: int [T] or [B, T] for rotary positions; by default those from `cache_index` (else 0) on.
        cache: a pair (keys, values) of [B, K, S, W] from `make_cache`; with S = 0 a prefill makes it as long
            as what it reads.
        cache_index: where in S the T new positions begin: a scalar, or int [B] for rows of different lengths.
            The Python number 0 (prefill) attends over the T new positions alone, whatever S is, and
            `attention_mask` is then of T keys.
        return_scores: also return the attention weights, [B, H, T, S]; in training those after dropout.
        last_only: only the last position looks at the others: T is 1 in what is returned, all of x is cached.

    Output: float [B, T, D]; with a cache (y, cache), with `return_scores` (y, weights), with both
    (y, cache, weights). The cache is written at its place, so a compiled loop updates it without a copy.

    Example:
        >>> layer = SelfAttention(num_heads=4, num_kv_heads=2, causal=True, rotary_base=10000.0)
        >>> x = keras.random.normal((2, 5, 8))
        >>> whole = layer(x)
        >>> y, cache = layer(x[:, :4], cache=layer.make_cache(2, 16), cache_index=0)
        >>> y, cache = layer(x[:, 4:], cache=cache, cache_index=4)
        >>> bool(np.allclose(y[:, 0], whole[:, 4], atol=1e-5)), cache[0].shape
        (True, (2, 2, 16, 2))
    """

    def __init__(
        self,
        num_heads,
        num_kv_heads=None,
        head_dim=None,
        use_bias=True,
        output_bias=None,
        causal=False,
        rotary_base=None,
        dropout=0.0,
        kernel_initializer="glorot_uniform",
        output_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        if num_heads < 1 or kv_heads < 1 or num_heads % kv_heads:
            raise ValueError(
                f"num_kv_heads: expected a divisor of num_heads={num_heads}, found {num_kv_heads}"
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout: expected a number in [0, 1), found {dropout}")
        self.num_heads = num_heads
        self.num_kv_heads = kv_heads
        self.head_dim = head_dim
        self.use_bias = use_bias
        self.output_bias = use_bias if output_bias is None else output_bias
        self.causal = causal
        self.rotary_base = rotary_base
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.output_initializer = keras.initializers.get(output_initializer or self.kernel_initializer)
        self.seed_generator = keras.random.SeedGenerator() if dropout else None

    def build(self, input_shape):
        hidden_dim = input_shape[-1]
        if self.head_dim is None and hidden_dim % self.num_heads:
            raise ValueError(
                f"num_heads: expected a divisor of the width {hidden_dim}, found {self.num_heads}; or pass "
                "head_dim"
            )
        self.width = self.head_dim or hidden_dim // self.num_heads
        if self.rotary_base and self.width % 2:
            raise ValueError(f"head_dim: expected an even width for rotary positions, found {self.width}")
        self.qkv = keras.layers.Dense(
            (self.num_heads + 2 * self.num_kv_heads) * self.width,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name="qkv",
        )
        self.out = keras.layers.Dense(
            hidden_dim,
            use_bias=self.output_bias,
            kernel_initializer=self.output_initializer.clone(),
            dtype=self.dtype_policy,
            name="out",
        )
        self.qkv.build((None, hidden_dim))
        self.out.build((None, self.num_heads * self.width))
        self.built = True

    def make_cache(self, batch_size, length, dtype=None):
        """An empty cache for the built layer: zeros, a pair of [B, K, S, W]."""
        shape = (batch_size, self.num_kv_heads, length, self.width)
        return ops.zeros(shape, dtype or self.compute_dtype), ops.zeros(shape, dtype or self.compute_dtype)

    def call(
        self,
        x,
        attention_mask=None,
        positions=None,
        cache=None,
        cache_index=None,
        return_scores=False,
        last_only=False,
        training=None,
    ):
        batch, length, hidden_dim = ops.shape(x)
        if cache is not None and cache_index is None:
            raise ValueError("cache_index: expected where in the cache the new positions begin, found None")
        queries, keys, values = self._project(x, batch, length, hidden_dim)
        offset = 0 if cache is None else cache_index
        if self.rotary_base:
            if positions is None:
                positions = _positions(offset, length)
            queries, keys = (rotate(part, positions, self.rotary_base) for part in (queries, keys))
        if cache is not None:
            cache = tuple(_write(old, new, offset) for old, new in zip(cache, (keys, values), strict=True))
            if not _is_zero(offset):
                keys, values = (ops.cast(part, self.compute_dtype) for part in cache)
        seen = self._seen(attention_mask, offset, length, ops.shape(keys)[2])
        if last_only:
            queries, length = queries[:, :, -1:], 1
            seen = None if seen is None else seen[:, :, -1:]
        rate = self.dropout if training else 0.0
        seed = self.seed_generator.next() if rate else None
        y, weights = kernels.attention(queries, keys, values, seen, rate, seed, training=bool(training))
        y = ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (-1, self.num_heads * self.width))  # [B T, H W]
        y = ops.reshape(kernels.project(self.out, y), (batch, length, hidden_dim))
        extras = (*([cache] if cache is not None else []), *([weights] if return_scores else []))
        return (y, *extras) if extras else y

    def _project(self, x, batch, length, hidden_dim):
        """[B, T, D] -> queries [B, H, T, W], keys and values [B, K, T, W]."""
        parts = kernels.project(self.qkv, ops.reshape(x, (-1, hidden_dim)))  # [B T, (H + 2 K) W]
        heads, kv_heads = self.num_heads, self.num_kv_heads
        if heads == kv_heads:  # slices of the first axis cost no copy
            parts = ops.reshape(parts, (batch, length, 3, heads, self.width))
            return ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)), 3)
        parts = ops.reshape(parts, (batch, length, heads + 2 * kv_heads, self.width))
        parts = ops.transpose(parts, (0, 2, 1, 3))
        return ops.split(parts, (heads, heads + kv_heads), axis=1)

    def _seen(self, attention_mask, offset, length, keys_length):
        """Where a query sees a key, bool [B or 1, 1, T or 1, S]; None for everywhere."""
        seen = None
        if attention_mask is not None:
            seen = ops.cast(attention_mask, "bool")
            seen = seen[:, None, :] if len(seen.shape) == 2 else seen
        if self.causal:
            order = ops.arange(keys_length) <= _positions(offset, length)[..., None]  # [T, S] or [B, T, S]
            order = order if len(order.shape) == 3 else order[None]
            seen = order if seen is None else ops.logical_and(seen, order)
        return None if seen is None else seen[:, None]

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        names = "num_heads num_kv_heads head_dim use_bias output_bias causal rotary_base dropout"
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names.split()},
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "output_initializer": keras.initializers.serialize(self.output_initializer),
        }


def _is_zero(offset):
    return isinstance(offset, int) and offset == 0


def _positions(offset, length):
    """int32 [T], or [B, T] where each row has an offset of its own."""
    steps = ops.arange(length, dtype="int32")
    if isinstance(offset, int):
        return steps + offset
    offset = ops.cast(offset, "int32")
    return steps + (offset[:, None] if len(offset.shape) else offset)


def _write(cache, new, offset):
    """`new` [B, K, T, W] into `cache` [B, K, S, W] from `offset` (scalar or [B]) on."""
    new = ops.cast(new, cache.dtype)
    if cache.shape[2] == 0:
        return new
    if isinstance(offset, int) or not len(offset.shape):
        if cache.shape[0] == 1:  # without this axis XLA updates the cache of a loop in place
            return ops.slice_update(cache[0], (0, offset, 0), new[0])[None]
        return ops.slice_update(cache, (0, 0, offset, 0), new)
    batch, heads, length, width = ops.shape(new)
    rows = ops.broadcast_to(ops.reshape(ops.arange(batch), (-1, 1, 1)), (batch, heads, length))
    columns = ops.broadcast_to(ops.reshape(ops.arange(heads), (1, -1, 1)), (batch, heads, length))
    places = ops.broadcast_to(_positions(offset, length)[:, None, :], (batch, heads, length))
    indices = ops.stack([ops.cast(part, "int32") for part in (rows, columns, places)], axis=-1)
    return ops.scatter_update(cache, ops.reshape(indices, (-1, 3)), ops.reshape(new, (-1, width)))
