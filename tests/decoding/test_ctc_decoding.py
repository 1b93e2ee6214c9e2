import itertools

import numpy as np
import pytest

from zoo.decoding import BeamSearch, NGram, align, align_classes, greedy_path, greedy_transcript


def log_probs_of(steps, classes, seed=0, scale=1.5):
    logits = np.random.default_rng(seed).normal(size=(steps, classes)) * scale
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def merged(path):
    return tuple(c for c, _ in itertools.groupby(path) if c)


def brute_force(log_probs, alphabet):
    """Text -> log p, summed over every path."""
    totals = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        text = "".join(alphabet[c - 1] for c in merged(path))
        p = np.exp(sum(row[c] for row, c in zip(log_probs, path, strict=True)))
        totals[text] = totals.get(text, 0.0) + p
    return {text: np.log(p) for text, p in totals.items()}


@pytest.mark.parametrize("seed", range(5))
def test_beam_search_equals_the_sum_over_all_alignments(seed):
    log_probs = log_probs_of(5, 3, seed)
    expected = brute_force(log_probs, "ab")
    found = BeamSearch(beam_size=1000, threshold=0).search(log_probs, "ab")
    assert {h.text for h in found} == set(expected)
    for hypothesis in found:
        assert hypothesis.score == pytest.approx(expected[hypothesis.text], abs=1e-9)


def test_language_model_word_list_and_hot_words_rescore_the_brute_force_sum():
    log_probs, alphabet = log_probs_of(5, 4, seed=2, scale=0.7), "ab "
    model = NGram.train(["a b", "ab a", "a ab b", "b"], order=2)
    words, hot = {"a", "ab", "b"}, {"ab": 0.7}
    search = BeamSearch(1000, model, weight=0.6, bonus=0.3, words=words, hot_words=hot, threshold=0)
    totals = {}
    for raw, log_p in brute_force(log_probs, alphabet).items():
        parts = raw.split()
        if set(parts) <= words:
            lm = 0.6 * np.log(10) * model.sentence_score(raw)
            totals[raw] = log_p + lm + sum(0.3 + hot.get(word, 0) for word in parts)
    best = max(totals, key=totals.get)
    found = search.search(log_probs, alphabet)
    assert found[0].text == " ".join(best.split())
    assert found[0].score == pytest.approx(totals[best], abs=1e-9)
    assert sorted(h.score for h in found) == pytest.approx(sorted(totals.values()), abs=1e-9)


def test_a_beam_finds_what_the_best_path_misses():
    log_probs = np.log([[0.4, 0.3, 0.3], [0.4, 0.35, 0.25]])
    assert greedy_transcript(log_probs, "ab", 0.04) == ""
    assert BeamSearch()(log_probs, "ab", 0.04) == "a"


def test_words_come_with_times_and_confidence():
    rows = [0, 1, 1, 0, 2, 3, 0, 1, 0]  # blank a a blank b space blank a blank
    log_probs = np.log(np.eye(4)[rows] * 0.97 + 0.01)
    for transcript in (greedy_transcript(log_probs, "ab ", 0.1), BeamSearch()(log_probs, "ab ", 0.1)):
        assert transcript == "ab a"
        assert [(w.text, w.begin, w.end) for w in transcript.words] == [("ab", 0.1, 0.5), ("a", 0.7, 0.8)]
        assert all(0.9 < w.confidence <= 1 for w in transcript.words)


def test_no_steps_give_no_text():
    empty = np.zeros((0, 3))
    assert greedy_transcript(empty, "ab", 0.1) == "" == BeamSearch()(empty, "ab", 0.1)


@pytest.mark.parametrize("seed", range(5))
def test_alignment_is_the_best_of_all_paths(seed):
    log_probs, classes = log_probs_of(6, 3, seed), [1, 1, 2]
    paths = [p for p in itertools.product(range(3), repeat=6) if merged(p) == tuple(classes)]
    best = max(paths, key=lambda p: sum(row[c] for row, c in zip(log_probs, p, strict=True)))
    starts = [(c, i) for i, c in enumerate(best) if c and (i == 0 or best[i - 1] != c)]
    assert [(c, step) for c, step, _ in align_classes(log_probs, classes)] == starts


def test_alignment_refuses_what_cannot_be():
    with pytest.raises(ValueError, match="characters of 'ab', found \\['x'\\]"):
        align(log_probs_of(5, 3), "ax", "ab", 0.1)
    with pytest.raises(ValueError, match="fits into 2 steps, found 3 needed"):
        align(log_probs_of(2, 3), "aa", "ab", 0.1)
    assert align(log_probs_of(2, 3), "", "ab", 0.1) == ""


def test_best_path_merges_repeats_but_not_across_blanks():
    log_probs = np.log(np.eye(3)[[1, 1, 0, 1, 2, 2]] + 1e-9)
    assert [c for c, *_ in greedy_path(log_probs)] == [1, 1, 2]


TEXTS = ["press one for sales", "press two for service", "press one", "hold the line please"]


@pytest.mark.parametrize("least", [1, 2])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_of_the_next_word_sum_to_one(order, least):
    model = NGram.train(TEXTS, order, least)
    vocabulary = {gram[0] for gram in model.scores if len(gram) == 1} - {"<s>"}
    for history in ([], ["<s>"], ["<s>", "press"], ["for", "sales"], ["never", "heard"]):
        assert sum(10 ** model.score(word, history) for word in vocabulary) == pytest.approx(1, abs=1e-6)


def test_rare_word_pairs_can_be_left_out():
    whole, pruned = NGram.train(TEXTS, 3), NGram.train(TEXTS, 3, least=2)
    assert pruned.words == whole.words
    assert ("<s>", "press", "one") in pruned.scores
    assert ("hold", "the") in whole.scores
    assert ("hold", "the") not in pruned.scores


@pytest.mark.parametrize("name", ["lm.arpa", "lm.arpa.gz"])
def test_arpa_file_gives_the_same_scores(name, tmp_path):
    model = NGram.train(TEXTS, 3)
    model.save(tmp_path / name)
    again = NGram.load(tmp_path / name)
    assert again.words == model.words
    assert again.perplexity(TEXTS) == pytest.approx(model.perplexity(TEXTS), rel=1e-4)
    assert again.score("unheard", ["press"]) == pytest.approx(model.score("unheard", ["press"]), abs=1e-5)


def test_reads_an_arpa_file_of_another_tool(tmp_path):
    text = "\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n-0.5 <unk>\n-99 <s> -0.3\n-0.7 </s>\n-0.4 hi -0.2\n"
    (tmp_path / "lm.arpa").write_text(text + "\n\\2-grams:\n-0.1 <s> hi\n\n\\end\\\n")
    model = NGram.load(tmp_path / "lm.arpa")
    assert model.score("hi", ["<s>"]) == -0.1
    assert model.score("</s>", ["hi"]) == pytest.approx(-0.9)
    assert model.score("what", ["<s>"]) == pytest.approx(-0.8)


def test_bad_language_model_files_are_told(tmp_path):
    (tmp_path / "lm.arpa").write_text("hello\n")
    with pytest.raises(ValueError, match="found 'hello' in line 1"):
        NGram.load(tmp_path / "lm.arpa")
    with pytest.raises(ValueError, match="at least one word"):
        NGram.train([])
    with pytest.raises(ValueError, match="beam_size: expected at least 1"):
        BeamSearch(0)
