"""Decoders in GGUF files (llama.cpp's format), dequantised through the `gguf` package.

GGUF has Hugging Face's Llama under other names, with the rotary halves of queries and keys interleaved.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.hub.checkpoint import load_mapped, zero_initialized

if TYPE_CHECKING:
    from zoo.models import Gpt

NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
SPLITS = {"smollm": "gpt2_digits", "gpt-2": "gpt2", "llama-bpe": "llama3", "qwen2": "qwen2"}
CONTROL = 3  # the token type of special tokens


def gguf_file(path: str | os.PathLike) -> Path | None:
    """`path` where it is a `.gguf` file, or the only one in a folder without config.json; else None."""
    path = Path(path).expanduser()
    if path.suffix == ".gguf":
        return path
    found = [] if (path / "config.json").is_file() else list(path.glob("*.gguf"))
    return found[0] if len(found) == 1 else None


class GgufFile:
    """The tensors and the settings of one GGUF file, the tensors by Hugging Face's names and as float32.

    Args:
        path: the file.

    Raises:
        ImportError: the `gguf` package is missing.
        ValueError: no such file, a damaged one, or an architecture other than Llama.
    """

    def __init__(self, path: str | os.PathLike):
        try:
            import gguf
        except ImportError as error:
            raise ImportError(
                "GGUF files need gguf, which is not installed: pip install keras-zoo[gguf]"
            ) from error
        self.path, self.gguf = Path(path), gguf
        if not self.path.is_file():
            raise ValueError(f"path: expected a GGUF file, found none at {self.path}")
        try:
            self.reader = gguf.GGUFReader(self.path)
        except (ValueError, IndexError, KeyError, OverflowError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(
                f"{self.path}: expected a whole GGUF file, found {self.path.stat().st_size} bytes that are "
                f"truncated or of another format ({error})"
            ) from error
        self.kind = self.setting("general.architecture")
        if self.kind != "llama":
            raise ValueError(f"{self.path}: expected architecture 'llama', found {self.kind!r}")
        self.heads = int(self.setting("llama.attention.head_count"))
        self.kv_heads = int(self.setting("llama.attention.head_count_kv", self.heads))
        self.tensors = {_hugging_face_name(tensor.name): tensor for tensor in self.reader.tensors}

    def __str__(self):
        return str(self.path)

    def setting(self, key: str, default: Any = None) -> Any:
        """The value of `key`; ValueError where the file lacks it and there is no default."""
        field = self.reader.get_field(key)
        if field is None and default is None:
            raise ValueError(f"{self.path}: expected the setting {key!r}, found none")
        return default if field is None else field.contents()

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(int(n) for n in reversed(self.tensors[name].shape))

    def read(self, name: str) -> np.ndarray:
        tensor = self.tensors[name]
        value = self.gguf.dequantize(tensor.data, tensor.tensor_type).astype("float32", copy=False)
        value = value.reshape(self.shape(name))
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = self.heads if "q_proj" in name else self.kv_heads
            pairs = value.reshape(heads, value.shape[0] // heads // 2, 2, -1)
            value = pairs.swapaxes(1, 2).reshape(value.shape)  # pairs to halves
        return value

    def arguments(self) -> dict[str, Any]:
        """Arguments of `zoo.models.Gpt`."""
        setting = self.setting
        hidden_dim = int(setting("llama.embedding_length"))
        width = int(setting("llama.rope.dimension_count", hidden_dim // self.heads))
        if width != hidden_dim // self.heads:
            raise ValueError(f"{self.path}: expected rotary width {hidden_dim // self.heads}, found {width}")
        return {
            "vocabulary_size": self.shape("model.embed_tokens.weight")[0],
            "hidden_dim": hidden_dim,
            "num_layers": int(setting("llama.block_count")),
            "num_heads": self.heads,
            "num_kv_heads": self.kv_heads,
            "max_length": int(setting("llama.context_length")),
            "mlp_dim": int(setting("llama.feed_forward_length")),
            "mlp": "swiglu",
            "norm": "rms",
            "epsilon": float(np.round(setting("llama.attention.layer_norm_rms_epsilon"), 9)),
            "rotary_base": float(setting("llama.rope.freq_base", 10000.0)),
            "use_bias": False,
            "tie_weights": "lm_head.weight" not in self.tensors,
        }

    def tokenizer_arguments(self) -> dict[str, Any]:
        """Arguments of `zoo.preprocessing.BytePair`."""
        setting = self.setting
        if setting("tokenizer.ggml.model") != "gpt2":
            found = setting("tokenizer.ggml.model")
            raise ValueError(f"{self.path}: expected a byte-level BPE tokenizer, found {found!r}")
        split = setting("tokenizer.ggml.pre", "gpt-2")
        if split not in SPLITS:
            raise ValueError(f"{self.path}: expected a pre-tokenizer of {sorted(SPLITS)}, found {split!r}")
        tokens = list(setting("tokenizer.ggml.tokens"))
        kinds = setting("tokenizer.ggml.token_type")
        return {
            "vocabulary": tokens,
            "merges": list(setting("tokenizer.ggml.merges")),
            "special_tokens": [t for t, kind in zip(tokens, kinds, strict=True) if kind == CONTROL],
            "split": SPLITS[split],
            "end_of_text": tokens[int(setting("tokenizer.ggml.eos_token_id"))],
            "chat_template": setting("tokenizer.chat_template", "") or None,
        }


def _hugging_face_name(name: str) -> str:
    *layer, kind, part = name.split(".")
    ours = f"{NAMES.get(kind, kind)}.{part}"
    return f"model.layers.{layer[1]}.{ours}" if len(layer) == 2 else ours


def load_gguf(cls: type[Gpt], path: str | os.PathLike, dtype: str | None = None) -> Gpt:
    """The decoder in a GGUF file, its weights as float32 (or `dtype`)."""
    from zoo.hub.foreign_gpt import hf_gpt_names

    file = GgufFile(path)
    arguments = file.arguments()
    with zero_initialized():
        model = cls(**arguments, dtype=dtype or "float32")
        model.build((None, None))
    load_mapped(model, file, hf_gpt_names(arguments), ignore=("rope_freqs.weight",))
    return model
