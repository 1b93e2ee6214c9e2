"""`Gpt` against transformers, on random weights and odd shapes."""

import numpy as np
import pytest

from zoo.models import Gpt

transformers = pytest.importorskip("transformers", reason="transformers is not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")

GPT2 = [
    {"vocab_size": 67, "n_embd": 36, "n_layer": 2, "n_head": 3, "n_positions": 41},
    {"vocab_size": 131, "n_embd": 40, "n_layer": 3, "n_head": 5, "n_positions": 33, "n_inner": 52,
     "layer_norm_epsilon": 1e-3, "activation_function": "gelu"},
]  # fmt: skip
LLAMA = [
    {"vocab_size": 97, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6,
     "num_key_value_heads": 2, "intermediate_size": 71, "max_position_embeddings": 64,
     "tie_word_embeddings": True, "rms_norm_eps": 1e-4},
    {"vocab_size": 53, "hidden_size": 30, "num_hidden_layers": 3, "num_attention_heads": 5,
     "num_key_value_heads": 1, "intermediate_size": 44, "max_position_embeddings": 64,
     "tie_word_embeddings": False, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    {"vocab_size": 53, "hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3,
     "num_key_value_heads": 3, "intermediate_size": 29, "attention_bias": True, "mlp_bias": True},
]  # fmt: skip


def reference(kind, arguments):
    torch.manual_seed(0)
    if kind == "gpt2":
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**arguments))
    else:
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**arguments))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter) * (0.2 if parameter.ndim < 2 else parameter.shape[-1] ** -0.5)
            parameter.copy_(noise + (1.0 if "norm" in name or "ln_" in name else 0.0) * (parameter.ndim == 1))
    return model.eval()


CASES = [("gpt2", arguments) for arguments in GPT2] + [("llama", arguments) for arguments in LLAMA]


@pytest.mark.parametrize(("kind", "arguments"), CASES, ids=lambda value: value if value is str else None)
def test_logits_equal_transformers_there_and_back(kind, arguments, tmp_path):
    theirs = reference(kind, arguments)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = Gpt.from_pretrained(tmp_path / "theirs")
    tokens = np.random.default_rng(0).integers(0, arguments["vocab_size"], (3, 29))
    with torch.no_grad():
        expected = theirs(torch.tensor(tokens)).logits.numpy()
    assert expected.std() > 0.1
    np.testing.assert_allclose(ours(tokens), expected, atol=1e-4)
    ours.save_pretrained(tmp_path / "ours")
    again = type(theirs).from_pretrained(tmp_path / "ours").eval()
    with torch.no_grad():
        np.testing.assert_allclose(again(torch.tensor(tokens)).logits, expected, atol=1e-5)


def test_weights_of_another_shape_are_named(tmp_path):
    reference(*CASES[0]).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"n_layer": 2', '"n_layer": 3'))
    with pytest.raises(ValueError, match="block3"):
        Gpt.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "bert"}, "model_type: expected 'gpt2' or 'llama', found 'bert'"),
        ({"model_type": "gpt2", "activation_function": "swish"}, "activation_function: expected one of"),
        ({"model_type": "llama", "rope_scaling": {"rope_type": "yarn"}}, "rope_type 'default', found 'yarn'"),
        ({"model_type": "llama", "hidden_size": 64, "num_attention_heads": 2, "head_dim": 16}, "head_dim"),
    ],
)
def test_what_the_model_lacks_is_refused(config, message):
    from zoo.hub.foreign_gpt import hf_gpt_arguments

    with pytest.raises(ValueError, match=message):
        hf_gpt_arguments(config)
