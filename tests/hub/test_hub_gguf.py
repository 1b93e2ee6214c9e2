"""GGUF files: a tiny one written here, and SmolLM2 where its package is in the cache."""

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from zoo.applications import TextEncoder, TextGenerator, pretrained
from zoo.applications.cli import main

from zoo.datasets import rated_sentences
from zoo.hub.foreign_gpt import hf_gpt_names
from zoo.hub.gguf import NAMES, GgufFile
from zoo.models import Gpt
from zoo.preprocessing import BytePair

gguf = pytest.importorskip("gguf", reason="gguf is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

SHAPE = {
    "hidden_dim": 64, "num_layers": 2, "num_heads": 4, "num_kv_heads": 2, "max_length": 77, "mlp_dim": 96,
    "mlp": "swiglu", "norm": "rms", "rotary_base": 5000.0, "use_bias": False, "epsilon": 1e-4,
}  # fmt: skip


def their_name(name):
    """Hugging Face's name of a tensor to llama.cpp's."""
    *path, part = name.removeprefix("model.").split(".")
    inverse = {ours.removeprefix("model."): theirs for theirs, ours in NAMES.items()}
    if path[0] == "layers":
        return f"blk.{path[1]}.{inverse['.'.join(path[2:])]}.{part}"
    return f"{inverse['.'.join(path)]}.{part}"


def halves_to_pairs(value, heads):
    """What llama.cpp's converter does to the rows of queries and keys."""
    return value.reshape(heads, 2, value.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(value.shape)


def write(path, model, tokens, quantize=False, architecture="llama"):
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_context_length(77)
    writer.add_feed_forward_length(96)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-4)
    writer.add_rope_freq_base(5000.0)
    writer.add_rope_dimension_count(16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens.vocabulary)
    writer.add_token_types([3 if token in tokens.special_tokens else 1 for token in tokens.vocabulary])
    writer.add_token_merges(tokens.merges)
    writer.add_eos_token_id(tokens.end_id)
    variables = {v.path.split("/", 1)[1].replace("/", "."): np.asarray(v) for v in model.variables}
    for name, source in hf_gpt_names(model.get_config()).items():
        if name not in variables:
            continue
        value = variables[name] if source.axes is None else variables[name].T
        sizes = {3: [64, 96], 2: [96]}.get(len(source.names), [])
        for theirs, part in zip(source.names, np.split(value, sizes), strict=True):
            if "q_proj" in theirs or "k_proj" in theirs:
                part = halves_to_pairs(part, 4 if "q_proj" in theirs else 2)
            part = np.ascontiguousarray(part, "float32")
            if quantize and part.ndim == 2:
                kind = gguf.GGMLQuantizationType.Q8_0
                writer.add_tensor(their_name(theirs), gguf.quantize(part, kind), raw_dtype=kind)
            else:
                writer.add_tensor(their_name(theirs), part)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def pair():
    keras.utils.set_random_seed(0)
    tokens = BytePair.train(["the cat sat on the mat 12 times"] * 9, 270, split="gpt2_digits")
    model = Gpt(vocabulary_size=len(tokens), **SHAPE)
    model.build((None, None))
    random = np.random.default_rng(0)
    for variable in model.variables:
        if len(variable.shape) == 2:
            variable.assign(random.normal(0, variable.shape[0] ** -0.5, variable.shape))
    return model, tokens


@pytest.mark.parametrize(("quantize", "tolerance"), [(False, 1e-5), (True, 0.15)])
def test_logits_and_tokens_come_back(pair, quantize, tolerance, tmp_path):
    model, tokens = pair
    write(tmp_path / "tiny.gguf", model, tokens, quantize)
    ids = np.array(tokens.encode(["the cat sat on the 12 mats"]))
    found = Gpt.from_pretrained(tmp_path / "tiny.gguf")
    np.testing.assert_allclose(found(ids), model(ids), atol=tolerance)
    assert found.max_length == 77
    again = BytePair(**GgufFile(tmp_path / "tiny.gguf").tokenizer_arguments())
    assert again.get_config() == tokens.get_config()
    assert np.abs(Gpt.from_pretrained(tmp_path)(ids) - found(ids)).max() == 0  # a folder with one .gguf


def test_a_file_or_its_folder_is_a_text_generator(pair, tmp_path):
    model, tokens = pair
    write(tmp_path / "tiny.gguf", model, tokens)
    whole = pretrained.load(None, tmp_path / "tiny.gguf", {})
    assert isinstance(whole, TextGenerator)
    ids = np.array(tokens.encode(["the cat sat"]))
    np.testing.assert_allclose(whole.model(ids), model(ids), atol=1e-5)
    assert whole.preprocessor.get_config() == tokens.get_config()
    again = TextGenerator.from_pretrained(tmp_path, precision="bfloat16", lora=2)
    assert again.model.compute_dtype == "bfloat16"
    assert any(getattr(layer, "lora_enabled", False) for layer in again.model._flatten_layers())
    done = CliRunner().invoke(main, ["score", str(tmp_path / "tiny.gguf"), __file__], catch_exceptions=False)
    assert "bits_per_byte" in done.stdout
    with pytest.raises(ValueError, match="expected weights of TextEncoder, found weights of TextGenerator"):
        TextEncoder.from_pretrained(tmp_path / "tiny.gguf")
    write(tmp_path / "second.gguf", model, tokens)
    with pytest.raises(ValueError, match="or one .gguf file, found 2 .gguf files in"):
        TextGenerator.from_pretrained(tmp_path)


def test_what_is_no_whole_llama_file_is_refused(pair, tmp_path):
    write(tmp_path / "tiny.gguf", *pair)
    whole = (tmp_path / "tiny.gguf").read_bytes()
    for name, content in (("cut", whole[:999]), ("noise", b"GGUF" + b"\x01" * 99), ("text", b"hello")):
        (tmp_path / f"{name}.gguf").write_bytes(content)
        with pytest.raises(ValueError, match="expected a whole GGUF file"):
            Gpt.from_pretrained(tmp_path / f"{name}.gguf")
    with pytest.raises(ValueError, match="expected a GGUF file, found none"):
        Gpt.from_pretrained(tmp_path / "missing.gguf")
    write(tmp_path / "other.gguf", *pair, architecture="falcon")
    with pytest.raises(ValueError, match="expected architecture 'llama', found 'falcon'"):
        Gpt.from_pretrained(tmp_path / "other.gguf")


@pytest.fixture(scope="module")
def smollm2():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_OFFLINE", "1")
        try:
            return TextGenerator.from_pretrained("smollm2-135m")
        except ValueError as error:
            pytest.skip(f"no SmolLM2: {error}")


@pytest.mark.slow
def test_smollm2_knows_the_capital_of_france(smollm2):
    text = smollm2.generate("The capital of France is", max_new_tokens=1)
    assert text == "The capital of France is Paris"
    assert "Paris" in smollm2.chat(
        [{"role": "user", "content": "What is the capital of France?"}], max_new_tokens=24
    )


@pytest.mark.slow
def test_smollm2_scores_a_text_as_transformers_does_on_the_same_weights(smollm2, tmp_path):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    text = "\n".join(rated_sentences("tweets", "sample").examples)[:3000]
    ours = smollm2.score(text)
    assert 500 < ours["tokens"] <= smollm2.row_length  # one window
    smollm2.model.save_pretrained(tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    end = smollm2.preprocessor.end_id
    ids = torch.tensor([[end, *smollm2.preprocessor.encode([text])[0], end]])
    with torch.inference_mode():
        log_probs = theirs(ids).logits[0, :-1].log_softmax(-1)
    expected = log_probs.gather(-1, ids[0, 1:, None])[:, 0].numpy()
    np.testing.assert_allclose(ours["token_log_probs"], expected, atol=0.01)
    assert ours["perplexity"] == pytest.approx(np.exp(-expected.mean()), rel=1e-3)
