import json

import keras
import numpy as np
import pytest
from battery import assert_close
from safetensors.numpy import load_file, save_file

from zoo import models
from zoo.layers import packed_mask
from zoo.models import Bert, BertClassifier, BertMaskedLM, BertSpanFinder, BertTokenClassifier

SIZES = {"hidden_dim": 8, "num_layers": 2, "num_heads": 2, "max_length": 12, "dropout": 0.1}
IDS = np.random.default_rng(0).integers(1, 30, (3, 9), "int32")


def bert(**options):
    model = Bert(30, **{**SIZES, **options})
    model.build()
    return model


@pytest.mark.parametrize(
    ("builder", "millions"),
    [("bert_tiny", 4.4), ("bert_mini", 11.2), ("bert_small", 28.8), ("minilm_l6", 22.7)],
)
def test_builders_have_the_published_sizes(builder, millions):
    model = getattr(models, builder)()
    model.build()
    assert round(model.count_params() / 1e6, 1) == millions


def test_texts_packed_into_one_row_equal_the_texts_alone():
    model = bert()
    text_ids = np.array([[1, 1, 1, 1, 2, 2, 2, 0, 0]] * 3)
    positions = np.array([[0, 1, 2, 3, 0, 1, 2, 0, 0]] * 3)
    inputs = {"token_ids": IDS, "attention_mask": packed_mask(text_ids), "positions": positions}
    packed = model(inputs)["sequence"]
    assert_close(packed[:, :4], model(IDS[:, :4])["sequence"])
    assert_close(packed[:, 4:7], model(IDS[:, 4:7])["sequence"])


def test_padding_changes_nothing():
    model = bert()
    padded = np.pad(IDS, ((0, 0), (0, 3)))
    mask = np.pad(np.ones_like(IDS), ((0, 0), (0, 3)))
    outputs = model({"token_ids": padded, "attention_mask": mask})
    assert_close(outputs["pooled"], model(IDS)["pooled"])


def test_inputs_are_checked():
    with pytest.raises(ValueError, match="expected 'token_ids' and some of .*found .'input_ids'."):
        bert()({"input_ids": IDS})
    with pytest.raises(ValueError, match="at most 12 positions, found 13"):
        bert()(np.ones((1, 13), "int32"))
    with pytest.raises(ValueError, match="num_heads: expected a divisor of hidden_dim=8, found 3"):
        bert(num_heads=3)


@pytest.mark.parametrize("cls", [Bert, BertMaskedLM, BertSpanFinder], ids=lambda cls: cls.__name__)
def test_saved_folder_loads_again(cls, tmp_path):
    model = bert(activation="gelu_tanh", epsilon=1e-4)
    if cls is not Bert:
        model = cls(model)
        model.build()
    model.save_pretrained(tmp_path)
    again = cls.from_pretrained(tmp_path)
    expected, found = model(IDS), again(IDS)
    for name in found:
        assert_close(found[name], expected[name], atol=1e-6)
    encoder = getattr(again, "bert", again)
    assert (encoder.activation, encoder.epsilon) == ("gelu_tanh", 1e-4)


def test_labels_are_written_and_dtype_and_dropout_overridden(tmp_path):
    model = BertClassifier(bert(), 3)
    model.build()
    model.save_pretrained(tmp_path, labels=["a", "b", "c"])
    assert json.loads((tmp_path / "config.json").read_text())["id2label"]["1"] == "b"
    options = {"dropout": 0.3, "dtype": "mixed_bfloat16"}
    again = BertClassifier.from_pretrained(tmp_path, overrides=options)
    assert (again.num_classes, again.bert.dropout, again.compute_dtype) == (3, 0.3, "bfloat16")


def test_a_fresh_head_stands_on_loaded_weights(tmp_path):
    model = bert()
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="num_classes: expected a number"):
        BertClassifier.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="found none for mlm_head.*fresh_head=True"):
        BertMaskedLM.from_pretrained(tmp_path)
    for made in (
        BertClassifier.from_pretrained(tmp_path, num_classes=4),
        BertTokenClassifier.from_pretrained(tmp_path, num_classes=4),
        BertMaskedLM.from_pretrained(tmp_path, fresh_head=True, next_sentence=True),
    ):
        assert_close(made.bert(IDS)["sequence"], model(IDS)["sequence"], atol=1e-6)
        assert np.abs(made.head.kernel).max() > 0


def test_weights_that_do_not_fit_are_named(tmp_path):
    bert().save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    broken = {**tensors, "encoder.layer.1.output.dense.weight": np.ones((5, 7), "float32")}
    del broken["encoder.layer.0.attention.self.key.weight"]
    broken["encoder.layer.2.output.dense.bias"] = np.ones(3, "float32")
    save_file(broken, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="nothing was loaded") as error:
        Bert.from_pretrained(tmp_path)
    for part in ("block1.attention.qkv.kernel", r"expected [8, 32], found [5, 7]", "encoder.layer.2.output"):
        assert part in str(error.value)


def test_other_models_are_refused(tmp_path):
    bert().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for key, value in (
        ("model_type", "t5"),
        ("hidden_act", "mish"),
        ("position_embedding_type", "relative_key"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**config, key: value}))
        with pytest.raises(ValueError, match=f"{key}: expected .*found '{value}'"):
            Bert.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="expected the name of registered weights"):
        Bert.from_pretrained("no-such-bert")


@pytest.mark.slow
def test_lora_and_int8_work_and_lora_must_be_merged_to_export(tmp_path):
    model = bert(dropout=0.0)
    expected = model(IDS)["sequence"]
    for block in model.blocks:
        block.attention.qkv.enable_lora(2)
    assert_close(model(IDS)["sequence"], expected)
    with pytest.raises(ValueError, match="merge LoRA"):
        model.save_pretrained(tmp_path)
    model = bert(dropout=0.0)
    expected = model(IDS)["pooled"]
    with pytest.warns(UserWarning, match="does not have a `quantize` method"):  # Keras says so of norms
        model.quantize("int8")
    assert np.abs(model(IDS)["pooled"] - expected).max() < 0.05
    assert model.blocks[0].mlp_in.quantization_mode == "int8"


def test_every_step_of_training_draws_new_masks_and_a_seed_repeats_them():
    def losses():
        keras.utils.set_random_seed(3)
        model = BertClassifier(bert(), 2)
        model.compile(keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        options = {"batch_size": 3, "epochs": 3, "shuffle": False, "verbose": 0}
        return model.fit(IDS, np.array([0, 1, 0]), **options).history["loss"]

    first = losses()
    assert len(set(first)) == 3
    np.testing.assert_allclose(losses(), first, rtol=1e-6)
