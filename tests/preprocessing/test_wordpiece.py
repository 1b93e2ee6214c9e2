# ruff: noqa: RUF001 (characters that look alike are the point)
"""WordPiece and TextPreprocessor: both paths equal Hugging Face's tokenizer on hard text."""

import itertools
import json
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("tensorflow_text", reason="tensorflow-text is not installed")
pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from zoo.preprocessing.character_table import NONE, PAGE, SAME, character_table
from zoo.preprocessing.text import KEYS, TRUNCATIONS, TextPreprocessor, bucket_lengths
from zoo.preprocessing.wordpiece import WordPiece, to_text

CORPUS = [
    "The quick brown fox jumps over the lazy dog, again and again: unaffordable!",
    "Das größte Café in Ångström: naïve Übermut, El Niño, İstanbul, ΟΔΟΣ, Привет, 你好世界",
    "don't can't U.S.A. 3.14 $5,000 50% user@host.com http://a.b/c?d=e&f=g#h",
] * 3
HARD = [
    "",
    " \t\r\n ",
    "naïve café Ångström ÉCOLE e\u0301\u0327 a\u0327\u0301 İstanbul ΟΔΟΣ ß ẞ ǅ",
    "你好，世界 日本語テキスト 한국어 \u1100\u1161\u11a8 \U00020000\U0002a6d6",
    "👩‍👩‍👧‍👦 🇩🇪 ☕️ 🤷🏽‍♀️ fox🦊fox",
    "a\x00b\x07c\ufffdd\u200be\u00ade\tf\ng\rh\u2028i\u0085j\u00a0k\u3000l",
    "ﬁ ﬂ ½ ² ℃ Ⅳ 𝕳𝖊𝖑𝖑𝖔 \u037e \u2019s \u2026 — – _a_b_ ^~`|<>=+",
    "[MASK] is [SEP] [CLS][PAD] [UNK] [mask] [MASK [[MASK]]x[MASK]y [MA\u200bSK]",
    "\ue000\ue001 private [MA\ue000SK] \U000f0000 ##ing ## #",
    "ا لْعَرَبِيَّة עִבְרִית हिन्दी ไทย",
    "x" * 100,
    "x" * 101,
    "é" * 100,
    "é" * 101,
    "x" * 100_000,
    "fox " * 25_000,
    "the quick fox, " * 6_600 + "end",
]
INVALID = [
    b"\xff\xfeabc",
    b"caf\xc3",
    b"\xed\xa0\x80x",
    b"abc\xf0\x9f\x98",
    b"\xc0\xafab",
    b"fox\x80 [MASK]fox",
]


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def tokenizer(request):
    return WordPiece.train(CORPUS, 400, lowercase=request.param, min_frequency=1)


def random_texts(count=300):
    rng = np.random.default_rng(7)
    ends = (0x80, 0x800, 0x3000, 0x10000, 0x110000)
    for _ in range(count):
        points = rng.integers(0, ends[rng.integers(len(ends))], rng.integers(1, 60))
        yield "".join(chr(c) if not 0xD800 <= c < 0xE000 else " " for c in points)


def random_bytes(count=100):
    rng = np.random.default_rng(8)
    return [rng.integers(0, 256, 40, "uint8").tobytes() for _ in range(count)]


def test_both_paths_equal_hugging_face_token_for_token(tokenizer, tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    (tmp_path / "vocab.txt").write_text("\n".join(tokenizer.vocabulary) + "\n", "utf-8")
    theirs = transformers.BertTokenizerFast(
        vocab=str(tmp_path / "vocab.txt"), do_lower_case=tokenizer.lowercase, model_max_length=10**9
    )
    assert len(theirs) == len(tokenizer)
    texts = [*HARD, *random_texts(), *INVALID, *random_bytes()]
    expected = theirs([to_text(text) for text in texts], add_special_tokens=False)["input_ids"]
    host = tokenizer.tokenize(texts)
    graph = tokenizer.in_graph([to_bytes(text) for text in texts]).to_list()
    for i, (text, ids) in enumerate(zip(texts, expected, strict=True)):
        assert host.row(i).tolist() == ids, text[:60]
        assert graph[i] == ids, text[:60]


ODD = [
    "[unused1]",
    "##!",
    "a b",
    "x-y",
    "##-y",
    "don't",
    "\u2e52",
    "##\u2e52",
    "你好",
    "##好",
    "Ab",
    "é",
    "\ue005",
]


@pytest.mark.parametrize("options", [(True, None, True), (False, None, True), (True, False, False)])
@pytest.mark.parametrize("odd", [ODD, [token for token in ODD if "\u2e52" not in token]], ids=["all", "most"])
def test_paths_agree_where_tokens_can_never_be_words(options, odd):
    """Tokens across words; a mark that only one of two Unicode versions knows; ideographs kept together."""
    learnt = WordPiece.train(CORPUS, 300, lowercase=options[0])
    tokenizer = WordPiece(dict.fromkeys([*learnt.vocabulary, *odd]), *options)
    texts = [*HARD, "[unused1] a! a b x-y don't y\u2e52z \u2e52 你好世界 Ab é \ue005.", *random_texts(100)]
    host, graph = tokenizer.tokenize(texts), tokenizer.in_graph(texts)
    np.testing.assert_array_equal(graph.flat_values, host.ids)
    np.testing.assert_array_equal(graph.row_splits, host.splits)
    words = tokenizer.words_in_graph(texts).ids.merge_dims(1, 2)
    np.testing.assert_array_equal(words.flat_values, host.ids)


@pytest.mark.parametrize("texts", [[], ["plain"], ["café"], ["[MASK]"]])
def test_ids_in_a_function_of_any_number_of_texts(texts):
    tokenizer = WordPiece.train(CORPUS, 300)
    ids = tf.function(tokenizer.in_graph)(tf.constant(texts, "string"))
    assert ids.to_list() == [tokenizer.tokenize([text]).row(0).tolist() for text in texts]


def to_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def test_both_paths_agree_without_hugging_face(tokenizer):
    texts = [*HARD, *random_texts(100), *INVALID, *random_bytes(50)]
    host = tokenizer.tokenize(texts)
    graph = tokenizer.in_graph([to_bytes(text) for text in texts])
    np.testing.assert_array_equal(graph.flat_values, host.ids)
    np.testing.assert_array_equal(graph.row_splits, host.splits)


@pytest.mark.parametrize("options", [(True, False), (False, True), (True, True)])
def test_character_table_equals_the_library_on_every_assigned_character(options):
    from tokenizers import normalizers, pre_tokenizers

    lowercase, strip_accents = options
    pages, entries = character_table(lowercase, strip_accents, True)
    normalize = normalizers.BertNormalizer(True, True, strip_accents, lowercase).normalize_str
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    for c in [*range(0, 0xD800), *range(0xE000, 0x33000, 3), *range(0xE0000, 0x110000, 97)]:
        row = entries[pages[c // PAGE] * PAGE + c % PAGE]
        ours = "x" + "".join(chr(c if code == SAME else code) for code in row if code != NONE) + "y"
        assert ours.split() == [word for word, _ in split(normalize(f"x{chr(c)}y"))], hex(c)


def test_words_know_where_they_stand():
    tokenizer = WordPiece.train(CORPUS, 300)
    text = "  Naïve café\u200b's end. [MASK]!"
    words = tokenizer.words_in_graph([text, "", "fox"])
    begins, ends = words.begins.to_list(), words.ends.to_list()
    found = [text[b:e] for b, e in zip(begins[0], ends[0], strict=True)]
    assert found == ["Naïve", "café", "'", "s", "end", ".", "[", "!"]  # a special token: its first character
    assert begins[1:] == [[], [0]]
    assert ends[2] == [3]


def test_half_a_surrogate_pair_is_dropped():
    tokenizer = WordPiece.train(CORPUS, 300)
    assert tokenizer.text(tokenizer.tokenize(["fox \ud83d dog"]).row(0)) == "fox dog"


def test_training_learns_whole_words_and_a_file_gives_them_back(tmp_path):
    tokenizer = WordPiece.train(["gradient descent"] * 10, 200)
    assert {"gradient", "descent"} <= set(tokenizer.vocabulary)
    (tmp_path / "vocab.txt").write_text("\n".join(tokenizer.vocabulary) + "\n")
    assert WordPiece(tmp_path / "vocab.txt").vocabulary == tokenizer.vocabulary


def test_bad_vocabularies_are_named():
    with pytest.raises(ValueError, match=r"vocabulary: expected distinct pieces, found 'a' more than once"):
        WordPiece(["[UNK]", "a", "b", "a"])
    with pytest.raises(ValueError, match=r"vocabulary: expected \[UNK\]"):
        WordPiece(["a"])
    with pytest.raises(ValueError, match=r"token: expected a piece of the vocabulary, found '\[SEP\]'"):
        TextPreprocessor(["[PAD]", "[UNK]", "[CLS]"])


def random_sentences(count, seed):
    rng = np.random.default_rng(seed)
    words = ["the", "fox", "jumps", "unaffordable", "lazy", "dog", "!", "naïve"]
    return [" ".join(rng.choice(words, rng.integers(1, 20))) for _ in range(count)]


@pytest.mark.parametrize("max_length", [9, 16, 17, 128])
@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_pairs_in_graph_equal_the_host(max_length, truncation):
    vocabulary = WordPiece.train(CORPUS, 200).vocabulary
    prepare = TextPreprocessor(vocabulary, max_length=max_length, pairs=True, truncation=truncation)
    first, second = random_sentences(60, 1) + [""], random_sentences(60, 2) + [""]
    host, graph = prepare.pad(prepare.rows(first, second)), prepare(first, second)
    for key in KEYS:
        np.testing.assert_array_equal(graph[key], host[key])
        assert host[key].dtype == "int32"
    assert host["token_ids"].shape[1] <= max_length


def test_truncation_equals_hugging_face(tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    vocabulary = WordPiece.train(CORPUS, 200).vocabulary
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    theirs = transformers.BertTokenizerFast(vocab=str(tmp_path / "vocab.txt"))
    first, second = random_sentences(80, 1), random_sentences(80, 2)
    for max_length in (9, 16, 17, 64):
        prepare = TextPreprocessor(vocabulary, max_length=max_length, pairs=True)
        ours = prepare.pad(prepare.rows(first, second), length=max_length)
        want = theirs(first, second, truncation=True, max_length=max_length, padding="max_length")
        for key, name in zip(KEYS, ("input_ids", "attention_mask", "token_type_ids"), strict=True):
            np.testing.assert_array_equal(ours[key], want[name])


def test_padded_lengths_are_few_and_waste_little():
    lengths = bucket_lengths(512)
    assert len(lengths) == 20
    assert all((b - a) / a <= 1 / 4 for a, b in itertools.pairwise(lengths) if a >= 32)
    prepare = TextPreprocessor(["[PAD]", "[UNK]", "[CLS]", "[SEP]"], max_length=50)
    assert prepare.padded_length(1) == 8
    assert prepare.padded_length(49) == 50


def test_config_round_trip_keeps_every_setting():
    vocabulary = WordPiece.train(CORPUS, 100, lowercase=False).vocabulary
    prepare = TextPreprocessor(vocabulary, False, True, False, 77, True, "only_second")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(prepare)))
    assert keras.saving.deserialize_keras_object(config).get_config() == prepare.get_config()


@pytest.mark.slow
def test_host_tokenizes_200_000_tokens_a_second_of_a_core():
    tokenizer = WordPiece.train(CORPUS, 400)
    texts = random_sentences(20_000, 3)
    tokenizer.tokenize(texts[:10])
    rates = []
    for _ in range(3):
        began = time.process_time()
        count = len(tokenizer.tokenize(texts).ids)
        rates.append(count / (time.process_time() - began))
    assert max(rates) > 200_000


@pytest.mark.slow
def test_training_gives_the_same_vocabulary_in_every_process():
    code = (
        "from zoo.preprocessing import WordPiece\n"
        "print(WordPiece.train(['low lower lowest, new newer newest wide'] * 3, 45).vocabulary)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(3)]
    assert len({run.stdout for run in runs}) == 1
