"""BERT (Devlin et al. 2018, arXiv:1810.04805), RoBERTa (arXiv:1907.11692) and DistilBERT (arXiv:1910.01108).

Shapes: B batch, T time, D model width, H heads, V vocabulary.
"""

import keras
from keras import ops

from zoo.layers import TokenEmbedding, TransformerBlock

INPUTS = ("token_ids", "attention_mask", "segment_ids", "positions")


@keras.saving.register_keras_serializable("zoo")
class Bert(keras.Model):
    """Token, position and segment embeddings, a stack of post-norm transformer blocks, and a pooler.

    pooled = f(W sequence[:, 0] + b). RoBERTa counts positions from 2 and has one segment; DistilBERT has no
    segments; their classifiers' first layer is our pooler.

    Args:
        vocabulary_size: V.
        hidden_dim: D.
        num_layers: number of blocks.
        num_heads: H.
        mlp_dim: width of the feed-forward networks; None for 4 D.
        max_length: largest T.
        num_segments: of the segment embedding; 0 for none.
        activation: of the feed-forward networks: "gelu" (exact), "gelu_tanh", "relu" or "silu".
        epsilon: of the layer normalizations.
        dropout: rate on the embeddings, after attention and after the feed-forward networks.
        attention_dropout: rate on the attention weights; None for `dropout`.
        pooler: f, "tanh" or "relu"; None for no pooler and no "pooled" output.
        position_offset: number of the first position (RoBERTa: 2).
        **kwargs: `name`, `dtype`.

    Call arguments:
        inputs: int [B, T], or a dict of ints: "token_ids" [B, T] and as you need them "attention_mask" (1
            where a token is, [B, T]; or [B, T, T] for rows of several texts, see `zoo.layers.packed_mask`),
            "segment_ids" [B, T], "positions" [B, T].
        return_scores: also return "scores", the attention weights of each block, [B, H, T, T] each.

    Output: {"sequence": float [B, T, D], "pooled": float [B, D]}.

    Example:
        >>> model = Bert(100, hidden_dim=8, num_layers=2, num_heads=2, max_length=16)
        >>> outputs = model({"token_ids": np.array([[1, 5, 2]]), "attention_mask": np.array([[1, 1, 1]])})
        >>> outputs["sequence"].shape, outputs["pooled"].shape
        ((1, 3, 8), (1, 8))
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        num_layers,
        num_heads,
        mlp_dim=None,
        max_length=512,
        num_segments=2,
        activation="gelu",
        epsilon=1e-12,
        dropout=0.1,
        attention_dropout=None,
        pooler="tanh",
        position_offset=0,
        **kwargs,
    ):
        super().__init__(**{"name": "bert", **kwargs})
        if hidden_dim % num_heads:
            raise ValueError(f"num_heads: expected a divisor of hidden_dim={hidden_dim}, found {num_heads}")
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim or 4 * hidden_dim
        self.max_length = max_length
        self.num_segments = num_segments
        self.activation = activation
        self.epsilon = epsilon
        self.dropout = dropout
        self.attention_dropout = dropout if attention_dropout is None else attention_dropout
        self.pooler_activation = pooler
        self.position_offset = position_offset

        policy = self.dtype_policy
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        self.embedding = TokenEmbedding(
            vocabulary_size,
            hidden_dim,
            max_length=max_length,
            num_segments=num_segments,
            norm_epsilon=epsilon,
            dropout=dropout,
            position_offset=position_offset,
            initializer=initializer,
            dtype=policy,
            name="embedding",
        )
        self.blocks = [
            TransformerBlock(
                hidden_dim,
                num_heads,
                self.mlp_dim,
                activation=activation,
                epsilon=epsilon,
                dropout=dropout,
                attention_dropout=self.attention_dropout,
                kernel_initializer=initializer,
                dtype=policy,
                name=f"block{i + 1}",
            )
            for i in range(num_layers)
        ]
        self.pooler = None
        if pooler is not None:
            self.pooler = keras.layers.Dense(
                hidden_dim,
                activation=pooler,
                kernel_initializer=initializer.clone(),
                dtype=policy,
                name="pooler",
            )

    def build(self, input_shape=None):
        self.embedding.build((None, None))
        for block in self.blocks:
            block.build((None, None, self.hidden_dim))
        if self.pooler is not None:
            self.pooler.build((None, self.hidden_dim))
        self.built = True

    def call(self, inputs, return_scores=False, training=None):
        inputs = as_inputs(inputs)
        mask, scores = inputs.get("attention_mask"), []
        x = self.embedding(
            inputs["token_ids"],
            segment_ids=inputs.get("segment_ids"),
            positions=inputs.get("positions"),
            training=training,
        )  # [B, T, D]
        for block in self.blocks:
            x = block(x, attention_mask=mask, return_scores=return_scores, training=training)
            if return_scores:
                x, weights = x
                scores.append(weights)
        outputs = {"sequence": x}
        if self.pooler is not None:
            outputs["pooled"] = self.pooler(x[:, 0])  # [B, D]
        return {**outputs, "scores": scores} if return_scores else outputs

    def compute_output_shape(self, input_shape):
        shape = input_shape["token_ids"] if isinstance(input_shape, dict) else input_shape
        outputs = {"sequence": (*shape, self.hidden_dim)}
        return outputs if self.pooler is None else {**outputs, "pooled": (shape[0], self.hidden_dim)}

    def get_config(self):
        names = (
            "vocabulary_size hidden_dim num_layers num_heads mlp_dim max_length num_segments activation "
            "epsilon dropout attention_dropout position_offset"
        )
        config = keras.layers.Layer.get_config(self)
        config |= {name: getattr(self, name) for name in names.split()}
        return {**config, "pooler": self.pooler_activation}

    @classmethod
    def from_pretrained(cls, source, **overrides):
        """The encoder of a checkpoint: BERT, RoBERTa or DistilBERT in Hugging Face's files, heads left out.

        Args:
            source: a folder with config.json and model.safetensors, `hf://owner/name`, or a registered name.
            **overrides: `dropout`, `attention_dropout`, `dtype`, `name`.

        Raises:
            ValueError: no such source, another kind of model, or weights that do not fit.
        """
        from zoo.hub.foreign_bert import read_hf_bert

        return read_hf_bert(source, cls, overrides)

    def save_pretrained(self, folder):
        """Writes config.json and model.safetensors in Hugging Face's names; `from_pretrained` reads them."""
        from zoo.hub.foreign_bert import write_hf_bert

        write_hf_bert(self, folder)


def as_inputs(inputs):
    """The dict of inputs of `Bert`, whose keys are checked."""
    if not isinstance(inputs, dict):
        return {"token_ids": ops.convert_to_tensor(inputs)}
    unknown = sorted(set(inputs) - set(INPUTS))
    if unknown or "token_ids" not in inputs:
        raise ValueError(f"inputs: expected 'token_ids' and some of {INPUTS[1:]}, found {sorted(inputs)}")
    return inputs
