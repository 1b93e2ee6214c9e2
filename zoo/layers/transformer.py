"""The block that encoders and decoders stack: attention and a feed-forward network, each with a shortcut.

Post-norm as in arXiv:1706.03762 and BERT, pre-norm as in GPT-2; gated as in arXiv:2002.05202 (SwiGLU).

Shapes: B batch, T time, D model width, M width of the feed-forward network.
"""

import keras
from keras import ops

from zoo import kernels
from zoo.layers.attention import SelfAttention
from zoo.layers.dropout import Dropout
from zoo.layers.layer_norm import LayerNorm, RMSNorm

NORMS = {"layer": LayerNorm, "rms": RMSNorm}
ACTIVATIONS = {
    "gelu": lambda x, training: kernels.gelu(x, approximate=False, training=training),
    "gelu_tanh": lambda x, training: kernels.gelu(x, approximate=True, training=training),
    "relu": lambda x, training: ops.relu(x),
    "silu": lambda x, training: ops.silu(x),
    "tanh": lambda x, training: ops.tanh(x),
}


@keras.saving.register_keras_serializable("zoo")
class TransformerBlock(keras.layers.Layer):
    """Post-norm: h = norm(x + attention(x)), y = norm(h + mlp(h)).
    Pre-norm: h = x + attention(norm(x)), y = h + mlp(norm(h)).

    mlp(x) = f(x W_in) W_out, or gated: (f(x W_gate) * x W_up) W_out with W_in = [W_gate, W_up].

    Args:
        hidden_dim: D.
        num_heads: query heads.
        mlp_dim: M; None for 4 D.
        norm: "layer" or "rms".
        norm_first: pre-norm.
        activation: f: "gelu" (exact), "gelu_tanh", "relu", "silu" or "tanh".
        gated: multiply f by a second projection.
        causal: a position sees itself and what is before it.
        epsilon: of the norms.
        dropout: rate after the attention and after the feed-forward network.
        attention_dropout: rate on the attention weights; None for `dropout`.
        num_kv_heads, head_dim, rotary_base: see `SelfAttention`.
        use_bias: of all projections.
        qkv_bias: of the fused query, key and value projection; None for `use_bias`.
        kernel_initializer: of all projections.
        residual_initializer: of the two projections that end on a shortcut; None for `kernel_initializer`.
        **kwargs: `name`, `dtype`.

    Call arguments: those of `SelfAttention`.

    Output: float [B, T, D]; with a cache (y, cache), with `return_scores` (y, weights), with both
    (y, cache, weights).

    Example:
        >>> TransformerBlock(8, num_heads=2)(keras.ops.zeros((3, 5, 8)), attention_mask=np.ones((3, 5))).shape
        (3, 5, 8)
    """

    def __init__(
        self,
        hidden_dim,
        num_heads,
        mlp_dim=None,
        norm="layer",
        norm_first=False,
        activation="gelu",
        gated=False,
        causal=False,
        epsilon=1e-12,
        dropout=0.0,
        attention_dropout=None,
        num_kv_heads=None,
        head_dim=None,
        rotary_base=None,
        use_bias=True,
        qkv_bias=None,
        kernel_initializer="glorot_uniform",
        residual_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if norm not in NORMS:
            raise ValueError(f"norm: expected one of {sorted(NORMS)}, found {norm!r}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation: expected one of {sorted(ACTIVATIONS)}, found {activation!r}")
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim or 4 * hidden_dim
        self.norm = norm
        self.norm_first = norm_first
        self.activation = activation
        self.gated = gated
        self.causal = causal
        self.epsilon = epsilon
        self.dropout = dropout
        self.attention_dropout = dropout if attention_dropout is None else attention_dropout
        self.num_kv_heads = num_kv_heads
        self.head_dim = head_dim
        self.rotary_base = rotary_base
        self.use_bias = use_bias
        self.qkv_bias = use_bias if qkv_bias is None else qkv_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.residual_initializer = keras.initializers.get(residual_initializer or self.kernel_initializer)

        policy = self.dtype_policy
        self.attention = SelfAttention(
            num_heads,
            num_kv_heads=num_kv_heads,
            head_dim=head_dim,
            use_bias=self.qkv_bias,
            output_bias=use_bias,
            causal=causal,
            rotary_base=rotary_base,
            dropout=self.attention_dropout,
            kernel_initializer=self.kernel_initializer,
            output_initializer=self.residual_initializer,
            dtype=policy,
            name="attention",
        )
        self.attention_norm = NORMS[norm](epsilon=epsilon, dtype=policy, name="attention_norm")
        self.mlp_in = keras.layers.Dense(
            self.mlp_dim * (2 if gated else 1),
            use_bias=use_bias,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=policy,
            name="mlp_in",
        )
        self.mlp_out = keras.layers.Dense(
            hidden_dim,
            use_bias=use_bias,
            kernel_initializer=self.residual_initializer.clone(),
            dtype=policy,
            name="mlp_out",
        )
        self.mlp_norm = NORMS[norm](epsilon=epsilon, dtype=policy, name="mlp_norm")
        self.residual_dropout = Dropout(dropout, dtype=policy, name="dropout") if dropout else None

    def build(self, input_shape):
        if input_shape[-1] != self.hidden_dim:
            raise ValueError(f"x: expected [B, T, {self.hidden_dim}], found {tuple(input_shape)}")
        rows = (None, self.hidden_dim)
        self.attention.build((None, None, self.hidden_dim))
        self.attention_norm.build(rows)
        self.mlp_in.build(rows)
        self.mlp_out.build((None, self.mlp_dim))
        self.mlp_norm.build(rows)
        self.built = True

    def make_cache(self, batch_size, length, dtype=None):
        """An empty cache for the built block: zeros, a pair of [B, K, S, W]."""
        return self.attention.make_cache(batch_size, length, dtype)

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
        y, *extras = _as_tuple(
            self.attention(
                self.attention_norm(x) if self.norm_first else x,
                attention_mask=attention_mask,
                positions=positions,
                cache=cache,
                cache_index=cache_index,
                return_scores=return_scores,
                last_only=last_only,
                training=training,
            )
        )
        x = (x[:, -1:] if last_only else x) + self._drop(y, training)
        if self.norm_first:
            x = x + self._drop(self._mlp(self.mlp_norm(x), training), training)
        else:
            x = self.attention_norm(x)
            x = self.mlp_norm(x + self._drop(self._mlp(x, training), training))
        return (x, *extras) if extras else x

    def _mlp(self, x, training):
        batch, length, hidden_dim = ops.shape(x)
        hidden = kernels.project(self.mlp_in, ops.reshape(x, (-1, hidden_dim)))  # [B T, M or 2 M]
        hidden = self.activate(hidden, bool(training))
        return ops.reshape(kernels.project(self.mlp_out, hidden), (batch, length, hidden_dim))

    def activate(self, hidden, training=False):
        """f of [..., M], or where gated of the first half of [..., 2 M] times the second: [..., M]."""
        function = ACTIVATIONS[self.activation]
        if not self.gated:
            return function(hidden, training)
        gate, up = ops.split(hidden, 2, axis=-1)
        return function(gate, training) * up

    def _drop(self, x, training):
        return x if self.residual_dropout is None else self.residual_dropout(x, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        names = (
            "hidden_dim num_heads mlp_dim norm norm_first activation gated causal epsilon dropout "
            "attention_dropout num_kv_heads head_dim rotary_base use_bias qkv_bias"
        )
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names.split()},
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "residual_initializer": keras.initializers.serialize(self.residual_initializer),
        }


def _as_tuple(value):
    return value if isinstance(value, tuple) else (value,)
