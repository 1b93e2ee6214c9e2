"""Decoders of known sizes, random weights; `Gpt.from_pretrained` loads trained ones."""

from zoo.models.gpt import Gpt


def _gpt(defaults, overrides):
    return Gpt(**{**defaults, **overrides})


def gpt_mini(**overrides):
    """A Llama-shaped decoder of 1.1M parameters: 4 layers, 128 wide, 2,048 tokens, context 256."""
    arguments = {
        "vocabulary_size": 2048,
        "hidden_dim": 128,
        "num_layers": 4,
        "num_heads": 4,
        "max_length": 256,
        "mlp_dim": 344,
        "mlp": "swiglu",
        "norm": "rms",
        "rotary_base": 10000.0,
        "use_bias": False,
    }
    return _gpt(arguments, overrides)


def gpt_characters(**overrides):
    """nanoGPT's character model for a CPU, 0.83M parameters: 4 layers, 128 wide, 257 bytes, context 64."""
    arguments = {
        "vocabulary_size": 257,
        "hidden_dim": 128,
        "num_layers": 4,
        "num_heads": 4,
        "max_length": 64,
        "use_bias": False,
    }
    return _gpt(arguments, overrides)


def gpt2_small(**overrides):
    """GPT-2 of 12 layers, 124M parameters (Radford et al. 2019, table 2)."""
    return _gpt({"vocabulary_size": 50257, "hidden_dim": 768, "num_layers": 12, "num_heads": 12}, overrides)


def gpt2_medium(**overrides):
    """GPT-2 of 24 layers, 355M parameters (Radford et al. 2019, table 2)."""
    return _gpt({"vocabulary_size": 50257, "hidden_dim": 1024, "num_layers": 24, "num_heads": 16}, overrides)


def gpt2_large(**overrides):
    """GPT-2 of 36 layers, 774M parameters (Radford et al. 2019, table 2)."""
    return _gpt({"vocabulary_size": 50257, "hidden_dim": 1280, "num_layers": 36, "num_heads": 20}, overrides)


def gpt2_xl(**overrides):
    """GPT-2 of 48 layers, 1,558M parameters (Radford et al. 2019, table 2)."""
    return _gpt({"vocabulary_size": 50257, "hidden_dim": 1600, "num_layers": 48, "num_heads": 25}, overrides)


def smollm2_135m(**overrides):
    """SmolLM2 of 30 layers, 135M parameters (arXiv:2502.02737)."""
    arguments = {
        "vocabulary_size": 49152,
        "hidden_dim": 576,
        "num_layers": 30,
        "num_heads": 9,
        "num_kv_heads": 3,
        "max_length": 8192,
        "mlp_dim": 1536,
        "mlp": "swiglu",
        "norm": "rms",
        "rotary_base": 100000.0,
        "use_bias": False,
    }
    return _gpt(arguments, overrides)
