import numpy as np
import pytest
import tensorflow as tf

from zoo.decoding import BeamSearch, NGram, align_classes
from zoo.decoding.ctc_beam_graph import GraphBeamSearch, align_classes_graph

ALPHABET = " abcd"
TEXTS = ["ab cab dad", "bad cab", "a dab add", "cab dad bad", "dad add a cab", "ab a bad dab"]
TRIGRAMS, BIGRAMS = NGram.train(TEXTS, 3), NGram.train(TEXTS, 2)
SEARCHES = {
    "letters": {},
    "few beams": {"beam_size": 3},
    "every character": {"threshold": 0.0},
    "words": {"words": ("ab", "cab", "dad", "a")},
    "hot words": {"hot_words": {"dab": 2.0, "bad": -1.0}},
    "unigrams": {"language_model": NGram.train(TEXTS, 1)},
    "bigrams": {"language_model": BIGRAMS, "words": "known", "weight": 0.6, "bonus": 1.5},
    "trigrams": {"language_model": TRIGRAMS, "weight": 0.4, "bonus": 0.5},
    "all": {"language_model": TRIGRAMS, "words": ("ab", "add", "dad", "bbc"), "hot_words": {"bbc": 3.0}},
}


def some_log_probs(batch=6, steps=24, sharp=2.5, seed=0):
    logits = np.random.default_rng(seed).normal(0, sharp, (batch, steps, len(ALPHABET) + 1))
    return tf.nn.log_softmax(logits.astype("float32")).numpy()


def texts_of(path):
    return [" ".join("".join(ALPHABET[c - 1] for c in row if c).split()) for row in path.numpy()]


@pytest.mark.parametrize("arguments", SEARCHES.values(), ids=SEARCHES)
def test_writes_what_the_search_on_the_host_finds(arguments):
    search = BeamSearch(**{"beam_size": 16, **arguments})
    graph = tf.function(GraphBeamSearch(search, ALPHABET))
    log_probs, steps = some_log_probs(), np.array([24, 17, 1, 24, 9, 20], "int32")
    found = texts_of(graph(log_probs, steps))
    expected = [search.search(row[:n], ALPHABET) for row, n in zip(log_probs, steps, strict=True)]
    assert found == [texts[0].text if texts else "" for texts in expected]
    assert len(set(found)) > 3


def test_no_word_fits():
    graph = GraphBeamSearch(BeamSearch(words=("abcd",)), ALPHABET)
    log_probs = np.log(np.full((1, 3, 6), 1e-6, "float32"))
    log_probs[0, :, 4] = 0.0  # "c" without end
    assert texts_of(graph(log_probs, np.array([3], "int32"))) == [""]


def test_too_many_words_for_keys_of_63_bits():
    model = NGram.train(TEXTS, 3)
    model.order = 30
    with pytest.raises(ValueError, match="language_model: expected an order"):
        GraphBeamSearch(BeamSearch(language_model=model), ALPHABET)


def test_alignment_is_that_of_the_host():
    log_probs, steps = some_log_probs(seed=1), np.array([24, 17, 1, 24, 9, 20], "int32")
    rng = np.random.default_rng(2)
    classes = [rng.integers(1, 6, n).tolist() for n in (7, 5, 1, 0, 4, 10)]
    path = align_classes_graph(log_probs, steps, tf.ragged.constant(classes, "int32")).numpy()
    for row, (text, n) in enumerate(zip(classes, steps, strict=True)):
        expected = [(c, step) for c, step, _ in align_classes(log_probs[row, :n], text)]
        assert [(int(path[row, s]), s) for s in np.flatnonzero(path[row])] == expected
