"""Our BERT beside transformers' on random odd configurations: the encoder, every head, and back."""

import json

import numpy as np
import pytest
import tensorflow as tf
from battery import assert_close

from zoo.models import Bert, BertClassifier, BertMaskedLM, BertSpanFinder, BertTokenClassifier

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

SIZES = {
    "vocab_size": 53,
    "hidden_size": 30,
    "num_hidden_layers": 3,
    "num_attention_heads": 5,
    "intermediate_size": 44,
    "max_position_embeddings": 21,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-3,  # large enough to show where it is ignored
    "initializer_range": 0.3,
}
CONFIGS = {
    "bert_gelu": ("Bert", {**SIZES}),
    "bert_gelu_new": ("Bert", {
        **SIZES, "hidden_act": "gelu_new", "type_vocab_size": 3, "num_attention_heads": 2,
    }),
    "bert_relu": ("Bert", {**SIZES, "hidden_act": "relu", "layer_norm_eps": 1e-12}),
    "roberta": ("Roberta", {**SIZES, "type_vocab_size": 1, "pad_token_id": 1}),
    "distilbert": ("DistilBert", {
        "vocab_size": 53, "dim": 30, "n_layers": 2, "n_heads": 3, "hidden_dim": 44,
        "max_position_embeddings": 21, "initializer_range": 0.3,
    }),
}  # fmt: skip


def reference(name, suffix, folder, **options):
    """A transformers model of random weights, saved in `folder`."""
    family, sizes = CONFIGS[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**sizes, **options)
    model = getattr(transformers, f"{family}{suffix}")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # biases and norms are zeros and ones otherwise
                parameter += 0.2 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return model


def batch(name, seed=0):
    rng = np.random.default_rng(seed)
    lengths = np.array([13, 7, 1, 10])
    ids = rng.integers(3, 53, (4, 13), "int32")
    mask = (np.arange(13) < lengths[:, None]).astype("int32")
    if name == "roberta":  # it counts positions by the padding token
        ids = np.where(mask, ids, 1).astype("int32")
    inputs = {"token_ids": ids, "attention_mask": mask}
    if name.startswith("bert"):
        inputs["segment_ids"] = rng.integers(0, 2, (4, 13), "int32")
    return inputs


def theirs(model, inputs, **options):
    names = {"token_ids": "input_ids", "attention_mask": "attention_mask", "segment_ids": "token_type_ids"}
    tensors = {names[key]: torch.tensor(value, dtype=torch.long) for key, value in inputs.items()}
    with torch.no_grad():
        return model(**tensors, **options)


def where(mask, values):
    """What stands at tokens, not at padding."""
    return np.asarray(values)[np.asarray(mask, "bool")]


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_encoder_equals_transformers(name, tmp_path):
    expected = theirs(reference(name, "Model", tmp_path), inputs := batch(name))
    ours = Bert.from_pretrained(tmp_path)(inputs)
    mask = inputs["attention_mask"]
    assert_close(where(mask, ours["sequence"]), where(mask, expected.last_hidden_state))
    if name == "distilbert":
        assert "pooled" not in ours
    else:
        assert_close(ours["pooled"], expected.pooler_output)


def test_scores_equal_transformers(tmp_path):
    model = reference("bert_gelu", "Model", tmp_path, attn_implementation="eager")
    inputs = batch("bert_gelu")
    expected = theirs(model, inputs, output_attentions=True).attentions
    ours = Bert.from_pretrained(tmp_path)(inputs, return_scores=True)["scores"]
    for mine, other in zip(ours, expected, strict=True):
        assert_close(mine, other)


@pytest.mark.parametrize("name", CONFIGS)
def test_text_classifier_equals_transformers(name, tmp_path):
    model = reference(name, "ForSequenceClassification", tmp_path, num_labels=5)
    inputs = batch(name)
    assert_close(BertClassifier.from_pretrained(tmp_path)(inputs), theirs(model, inputs).logits)


@pytest.mark.parametrize("name", CONFIGS)
def test_token_classifier_equals_transformers(name, tmp_path):
    model = reference(name, "ForTokenClassification", tmp_path, num_labels=5)
    inputs = batch(name)
    mask, ours = inputs["attention_mask"], BertTokenClassifier.from_pretrained(tmp_path)(inputs)
    assert_close(where(mask, ours), where(mask, theirs(model, inputs).logits))


@pytest.mark.parametrize("name", CONFIGS)
def test_span_finder_equals_transformers(name, tmp_path):
    model = reference(name, "ForQuestionAnswering", tmp_path)
    inputs = batch(name)
    expected, ours = theirs(model, inputs), BertSpanFinder.from_pretrained(tmp_path)(inputs)
    mask = inputs["attention_mask"]
    assert_close(where(mask, ours["start"]), where(mask, expected.start_logits))
    assert_close(where(mask, ours["end"]), where(mask, expected.end_logits))


@pytest.mark.parametrize("name", CONFIGS)
def test_masked_lm_and_its_loss_equal_transformers(name, tmp_path):
    model = reference(name, "ForMaskedLM", tmp_path)
    inputs = batch(name)
    mask, targets = inputs["attention_mask"], np.roll(inputs["token_ids"], 1, axis=0)
    chosen = (np.arange(13) % 3 == 0) & (mask == 1)
    labels = torch.tensor(np.where(chosen, targets, -100), dtype=torch.long)
    expected = theirs(model, inputs, labels=labels)
    ours = BertMaskedLM.from_pretrained(tmp_path)
    logits = ours(inputs)["tokens"]
    assert_close(where(mask, logits), where(mask, expected.logits), atol=3e-5)
    positions = np.argsort(~chosen, axis=1, kind="stable")[:, : chosen.sum(1).max()]
    masked = ours({**inputs, "masked_positions": positions})["tokens"]
    assert_close(masked, np.take_along_axis(np.asarray(logits), positions[..., None], 1), atol=2e-5)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(np.take_along_axis(targets, positions, 1), masked)
    weights = np.take_along_axis(chosen, positions, 1)
    assert_close(np.sum(losses * weights) / np.sum(weights), float(expected.loss))


@pytest.mark.parametrize("name", ["bert_gelu", "bert_gelu_new"])
def test_pretraining_heads_equal_transformers(name, tmp_path):
    model = reference(name, "ForPreTraining", tmp_path)
    inputs = batch(name)
    expected, ours = theirs(model, inputs), BertMaskedLM.from_pretrained(tmp_path)(inputs)
    mask = inputs["attention_mask"]
    assert_close(where(mask, ours["tokens"]), where(mask, expected.prediction_logits), atol=3e-5)
    assert_close(ours["next_sentence"], expected.seq_relationship_logits, atol=2e-5)


def test_next_sentence_alone_equals_transformers(tmp_path):
    model = reference("bert_gelu", "ForNextSentencePrediction", tmp_path)
    inputs = batch("bert_gelu")
    ours = BertMaskedLM.from_pretrained(tmp_path, fresh_head=True)(inputs)
    assert_close(ours["next_sentence"], theirs(model, inputs).logits, atol=2e-5)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(
    ("cls", "suffix"),
    [(Bert, "Model"), (BertClassifier, "ForSequenceClassification"), (BertMaskedLM, "ForMaskedLM")],
    ids=["Model", "ForSequenceClassification", "ForMaskedLM"],
)
def test_what_we_write_is_what_transformers_reads(cls, suffix, name, tmp_path):
    reference(name, suffix, tmp_path / "theirs")
    ours = cls.from_pretrained(tmp_path / "theirs")
    ours.save_pretrained(tmp_path / "ours")
    family = CONFIGS[name][0]
    again, report = getattr(transformers, f"{family}{suffix}").from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    inputs = batch(name)
    theirs_out, our_out = theirs(again.eval(), inputs)[0], ours(inputs)
    if isinstance(our_out, dict):
        our_out = our_out["sequence" if cls is Bert else "tokens"]
    mask = inputs["attention_mask"] if our_out.ndim == 3 else np.ones(4, "int32")
    assert_close(where(mask, our_out), where(mask, theirs_out), atol=3e-5)
    architecture = json.loads((tmp_path / "ours/config.json").read_text())["architectures"]
    assert architecture == [f"{family}{suffix}"]


def test_encoder_of_a_headed_checkpoint_is_the_encoder(tmp_path):
    model = reference("bert_gelu", "ForMaskedLM", tmp_path)
    inputs = batch("bert_gelu")
    ours = Bert.from_pretrained(tmp_path)(inputs)
    assert list(ours) == ["sequence"]
    mask = inputs["attention_mask"]
    expected = theirs(model.bert, inputs).last_hidden_state
    assert_close(where(mask, ours["sequence"]), where(mask, expected))
