import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from zoo.preprocessing import BytePair
from zoo.preprocessing.byte_pair import printable

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

SPEECH = """It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness; don't you'll WE'VE said: 1775 years, 12 months & 3.5 days!! Über-größe naïve café — “quoted”…
日本語のテキスト и русский текст 😀👩‍👩‍👧 ½ Ⅷ  two  spaces\t\ttabs\r\nwindows\n\n\nlines\n \n x
"""
TORTURE = [
    "", " ", "  ", "a  b", "a   b\n\n c \t d", "don't you'll WE'VE 's", "  x", "x  ", "日本語テスト", "é̀ à",
    "😀👩‍👩‍👧 ok", "1234 56.7 ½ Ⅷ  9", "<|endoftext|>", "a <|endoftext|>  b  <|endoftext|>", "<|endoftext",
    "\x00\x01 a\x00b", "a\u00a0b\u00a0\u00a0c \u3000d\u2028e\u0085f\x1cg\x1f h", "\ufffd", "!!??  ...",
    "tab\t\tx\n\n\ny \n z", "aaaaaaa" * 99, " " * 999 + "x", "\r\n\r\nx\r\n", "\u200dx", "\u017f \u0131 İ",
    "was" * 333, "\U000e0041x", " \n \n", "it'S IT'll",
]  # fmt: skip


@pytest.fixture(scope="module", params=["gpt2", "gpt2_digits", "llama3", "qwen2"])
def tokens(request):
    return BytePair.train([SPEECH] * 3, 400, split=request.param)


@pytest.fixture(scope="module")
def gpt2():
    return BytePair.train([SPEECH] * 3, 400)


def graph_encode(tokens):
    return tf.function(tokens.graph.encode, input_signature=[tf.TensorSpec([None], tf.string)])


def test_graph_equals_host_on_hard_texts(tokens):
    texts = [*TORTURE, SPEECH]
    assert graph_encode(tokens)(texts).to_list() == tokens.encode(texts)


def test_graph_equals_host_on_every_character_of_the_basic_plane(gpt2):
    planes = "".join(f"a{chr(c)}b 1{chr(c)} {chr(c)}{chr(c)}x" for c in range(0x10000) if c >> 11 != 0x1B)
    texts = [planes[i : i + 5000] for i in range(0, len(planes), 5000)]
    assert graph_encode(gpt2)(texts).to_list() == gpt2.encode(texts)


@pytest.mark.parametrize("letters", ["ab", "abcde", "etaoinshrdlu", "aäöb日", "a b\n", "xy '1!"])
def test_graph_equals_host_where_many_merges_meet(letters):
    rng = np.random.default_rng(0)

    def text(words):
        runs = [letters[i] * n for i, n in rng.integers([0, 1], [len(letters), 9], (9 * words, 2))]
        return " ".join("".join(runs[i : i + 9]) for i in range(0, len(runs), 9))

    tokens = BytePair.train([text(300)], 400)
    texts = [text(words) for words in (40, 0, 1, 300)]
    assert graph_encode(tokens)(texts).to_list() == tokens.encode(texts)


@pytest.mark.parametrize(
    ("merges", "tokens"),
    [(["a b", "ab c", "c d"], ["abc", "d"]), (["c d", "b cd", "a b"], ["a", "bcd"])],
    ids=["left", "right"],
)
def test_a_pair_waits_for_a_neighbour_that_grows(merges, tokens):
    """In the first round "c d", or "a b", has no better neighbour, and yet it is not to be joined."""
    base = BytePair.of_bytes().get_config()
    joined = [merge.replace(" ", "") for merge in merges]
    pairs = BytePair(**{**base, "vocabulary": base["vocabulary"] + joined, "merges": merges})
    assert graph_encode(pairs)(["abcd"]).to_list() == [[pairs.ids[token] for token in tokens]]
    assert pairs.encode(["abcd"]) == [[pairs.ids[token] for token in tokens]]


@pytest.mark.parametrize("texts", [[], [""], ["", "a"], ["qzx"]])
def test_graph_takes_any_number_of_words(gpt2, texts):
    assert graph_encode(gpt2)(tf.constant(texts, tf.string)).to_list() == gpt2.encode(texts)


def test_equals_hugging_face(gpt2, tmp_path):
    transformers = pytest.importorskip("transformers")
    (tmp_path / "vocab.json").write_text(json.dumps(gpt2.ids))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(gpt2.merges) + "\n")
    theirs = transformers.GPT2TokenizerFast.from_pretrained(tmp_path)
    ours = BytePair.from_folder(tmp_path)
    assert ours.encode(TORTURE) == theirs(TORTURE)["input_ids"]
    texts = [theirs.decode(ids, clean_up_tokenization_spaces=False) for ids in ours.encode(TORTURE)]
    assert ours.decode(ours.encode(TORTURE), skip_special=False) == texts


def test_text_comes_back_on_both_paths(tokens):
    ids = tokens.encode(TORTURE)
    assert tokens.decode(ids, skip_special=False) == TORTURE
    texts = tokens.graph.decode(tf.ragged.constant(ids), skip_special=False).numpy()
    assert [text.decode() for text in texts] == TORTURE


def test_graph_decodes_like_the_host_with_padding_and_half_characters(gpt2):
    ids = [*gpt2.encode(["a <|endoftext|> b", "日"]), [gpt2.ids[printable("日".encode()[:2])[0]]]]
    width = max(map(len, ids))
    padded = np.array([row + [-1] * (width - len(row)) for row in ids])
    assert [text.decode() for text in gpt2.graph.decode(padded).numpy()] == gpt2.decode(ids)
    assert gpt2.decode(padded) == gpt2.decode(ids)


def test_invalid_utf8_becomes_the_replacement_character(gpt2):
    texts = [b"a\xff b", b"\xc3(", b"ok"]
    assert graph_encode(gpt2)(texts).to_list() == gpt2.encode(texts)


@pytest.mark.parametrize(
    "data", [b"a\xff", b"\xc3(", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"]
)
def test_one_invalid_text_is_mended_beside_valid_ones(gpt2, data):
    marked, start, plain = graph_encode(gpt2)([b"x" + data, "\ufeffé\x00\U0010ffff", "ok"]).to_list()
    assert "\ufffd" in gpt2.decode([marked])[0]
    assert [start, plain] == gpt2.encode(["\ufeffé\x00\U0010ffff", "ok"])


def test_tokenizer_json_brings_it_back(tokens, tmp_path):
    tokens.save(tmp_path)
    again = BytePair.from_folder(tmp_path)
    assert again.get_config() == tokens.get_config()
    assert BytePair.from_config(json.loads(json.dumps(tokens.get_config()))).encode(
        [SPEECH]
    ) == tokens.encode([SPEECH])


def test_bytes_need_no_training():
    tokens = BytePair.of_bytes()
    assert tokens.encode(["é<|endoftext|>"]) == [[0xC3, 0xA9, 256]]
    assert graph_encode(tokens)(TORTURE).to_list() == tokens.encode(TORTURE)


def test_saved_model_encodes_and_decodes(gpt2, tmp_path):
    module = tf.Module()
    module.tokens = gpt2.graph
    spec = tf.TensorSpec([None], tf.string)
    module.both = tf.function(lambda x: gpt2.graph.decode(gpt2.graph.encode(x)), input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    assert [text.decode() for text in loaded.both(tf.constant([SPEECH])).numpy()] == [SPEECH]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "words"}, "split: expected one of"),
        ({"merges": ["a bcd"]}, "merges: expected 'left right'.*found 'a bcd' at 0"),
        ({"special_tokens": ["<x>"]}, "special_tokens: expected tokens of the vocabulary, found \\['<x>'\\]"),
        ({"vocabulary": ["a", "b", "a"]}, "vocabulary: expected distinct tokens, found 'a' twice"),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        BytePair(**{**BytePair.of_bytes().get_config(), **change})


def test_rows_that_are_no_text_are_named(gpt2):
    with pytest.raises(ValueError, match="texts: expected strings, found int at row 1"):
        gpt2.encode(["a", 3])
    with pytest.raises(ValueError, match="vocabulary_size: expected at least 257, found 100"):
        BytePair.train(["a"], 100)


def test_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match="keras-zoo\\[text\\]"):
        BytePair.of_bytes().encode(["a"])
