"""Folders of Hugging Face's BERT: tokenizer, network, head and label names give transformers' answers."""

import json

import numpy as np
import pytest

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from text_cases import VOCABULARY
from zoo.applications import MaskedLM, QuestionAnswerer, TextClassifier, TextEncoder, TokenClassifier

transformers = pytest.importorskip("transformers", reason="transformers is not installed")
torch = pytest.importorskip("torch", reason="torch is not installed")

TEXTS = ["A gripping film, naïve but superb!", "dull and slow " * 12, "the year"]


def folder_of(kind, path, **options):
    """A random tiny model of transformers with its vocabulary: (folder, model, tokenizer)."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=20,
        num_hidden_layers=2,
        num_attention_heads=5,
        intermediate_size=31,
        max_position_embeddings=70,
        hidden_act="gelu_new",
        layer_norm_eps=1e-6,
        **options,
    )
    model = getattr(transformers, kind)(config).eval()
    model.save_pretrained(path)
    (path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", "utf-8")
    (path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    return model, transformers.BertTokenizerFast(vocab=str(path / "vocab.txt"))


def outputs(model, tokenizer, *texts, max_length=64):
    inputs = tokenizer(*texts, return_tensors="pt", padding=True, truncation=True, max_length=max_length)
    with torch.no_grad():
        return inputs, model(**inputs)


def test_text_classifier(tmp_path):
    names = {0: "bad", 1: "fine", 2: "good"}
    model, tokenizer = folder_of("BertForSequenceClassification", tmp_path, id2label=names)
    app = TextClassifier.from_pretrained(tmp_path, max_length=64)
    assert app.labels == ("bad", "fine", "good")
    _, theirs = outputs(model, tokenizer, TEXTS)
    np.testing.assert_allclose(app.predict(TEXTS), theirs.logits.softmax(-1), atol=1e-5)
    app = TextClassifier.from_pretrained(tmp_path, pairs=True, max_length=40)
    _, theirs = outputs(model, tokenizer, TEXTS, TEXTS[::-1], max_length=40)
    ours = app.predict(list(zip(TEXTS, TEXTS[::-1], strict=True)))
    np.testing.assert_allclose(ours, theirs.logits.softmax(-1), atol=1e-5)


def test_text_encoder_pools_the_mean(tmp_path):
    model, tokenizer = folder_of("BertModel", tmp_path)
    app = TextEncoder.from_pretrained(tmp_path, max_length=64)
    inputs, theirs = outputs(model, tokenizer, TEXTS)
    mask = inputs["attention_mask"][..., None]
    mean = (theirs.last_hidden_state * mask).sum(1) / mask.sum(1)
    np.testing.assert_allclose(app.embed(TEXTS), torch.nn.functional.normalize(mean), atol=1e-5)


def test_token_classifier_reads_the_first_piece_of_a_word(tmp_path):
    model, tokenizer = folder_of("BertForTokenClassification", tmp_path, num_labels=4)
    app = TokenClassifier.from_pretrained(tmp_path)
    words = ["The", "unaffordable", "film", "sparkles"]
    inputs = tokenizer(words, is_split_into_words=True, return_tensors="pt")
    first = [inputs.word_ids().index(i) for i in range(4)]
    with torch.no_grad():
        expected = model(**inputs).logits.softmax(-1)[0, first]
    np.testing.assert_allclose(app.predict([words])[0], expected, atol=1e-5)


def test_masked_lm(tmp_path):
    model, tokenizer = folder_of("BertForMaskedLM", tmp_path)
    app = MaskedLM.from_pretrained(tmp_path)
    inputs, theirs = outputs(model, tokenizer, ["a [MASK] film of the [MASK]"])
    at = inputs["input_ids"][0] == tokenizer.mask_token_id
    ours = app.predict(["a [MASK] film of the [MASK]"])[0]
    np.testing.assert_allclose(ours, theirs.logits[0, at].softmax(-1), atol=1e-5)


def test_question_answerer_finds_the_likeliest_span_of_whole_words(tmp_path):
    model, tokenizer = folder_of("BertForQuestionAnswering", tmp_path)
    app = QuestionAnswerer.from_pretrained(tmp_path, max_length=64, max_answer=6)
    context = "one of the best comedies of the year, funny and tender"
    inputs, theirs = outputs(model, tokenizer, ["which year?"], [context])
    words, kinds = inputs.word_ids(0), inputs["token_type_ids"][0]
    never = (kinds == 0) & (torch.arange(len(kinds)) > 0)
    begin = theirs.start_logits[0].masked_fill(never, -1e9).softmax(-1)
    end = theirs.end_logits[0].masked_fill(never, -1e9).softmax(-1)
    spans = [
        (float(begin[i] * end[j]), i, j)
        for i in range(len(words))
        for j in range(i, min(i + 6, len(words)))
        if kinds[i]
        and words[i] is not None
        and words[j] is not None
        and words[i - 1] != words[i]
        and words[j + 1] != words[j]
    ]
    score, i, j = max(spans)
    found = app.answer([{"question": "which year?", "context": context}])[0]
    assert found["score"] == pytest.approx(score, abs=1e-5)
    offsets = tokenizer("which year?", context, return_offsets_mapping=True)["offset_mapping"]
    assert (found["start"], found["end"]) == (offsets[i][0], offsets[j][1])
    assert app.predict([("which year?", context)])[0, 3] == pytest.approx(float(begin[0] * end[0]), abs=1e-5)
