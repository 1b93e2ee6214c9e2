import keras
import numpy as np
import pytest

from zoo.decoding import greedy_transcript
from zoo.losses import CTC
from zoo.metrics import CTCErrorRate, character_errors, edit_counts, word_errors


def sentences(count, seed):
    rng = np.random.default_rng(seed)
    words = ["a", "be", "cat", "door", "every"]
    return [" ".join(rng.choice(words, rng.integers(1, 9))) for _ in range(count)]


def test_error_rates_of_the_best_path_equal_those_of_its_text():
    rng = np.random.default_rng(0)
    best, steps = rng.integers(0, 5, (16, 24)), rng.integers(1, 25, 16)
    lengths = rng.integers(1, 10, 16)
    labels = rng.integers(1, 5, (16, 9)) * (np.arange(9) < lengths[:, None])
    labels[:, 0] = np.maximum(labels[:, 0], 2)  # a letter, so that no text is empty
    packed = CTC.pack_labels(labels, lengths), CTC.pack_logits(np.eye(5, dtype="float32")[best], steps)
    texts = ["".join(" abc"[c - 1] for c in row[:n]) for row, n in zip(labels, lengths, strict=True)]
    log_probs = np.log(np.eye(5) + 1e-9)[best]
    found = [greedy_transcript(row[:n], " abc", 0.1) for row, n in zip(log_probs, steps, strict=True)]
    metric = CTCErrorRate.from_config(CTCErrorRate(space=1, name="wer").get_config())
    metric.update_state(*packed)
    assert float(metric.result()) == pytest.approx(word_errors(texts, found).rate)


def test_error_rates_equal_jiwer():
    jiwer = pytest.importorskip("jiwer")
    truth, found = sentences(60, 0), [*sentences(59, 1), ""]
    assert word_errors(truth, found).rate == pytest.approx(jiwer.wer(truth, found), abs=1e-12)
    assert character_errors(truth, found).rate == pytest.approx(jiwer.cer(truth, found), abs=1e-12)
    counts = jiwer.process_words(truth, found)
    ours = word_errors(truth, found)
    assert ours.substitutions + ours.deletions + ours.insertions == (
        counts.substitutions + counts.deletions + counts.insertions
    )
    assert ours.insertions - ours.deletions == counts.insertions - counts.deletions


def test_edits_are_counted_by_kind():
    assert edit_counts("abc", "abc") == (0, 0, 0)
    assert edit_counts("abc", "axc") == (1, 0, 0)
    assert edit_counts("abc", "ac") == (0, 1, 0)
    assert edit_counts("abc", "abxc") == (0, 0, 1)
    assert edit_counts("", "ab") == (0, 0, 2)
    assert edit_counts("ab", "") == (0, 2, 0)


def test_bad_lists_are_told():
    with pytest.raises(ValueError, match="as many as references \\(2\\), found 1"):
        word_errors(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="at least one word, found none"):
        word_errors([""], ["a"])


@pytest.mark.parametrize("space", [None, 1])
def test_an_empty_share_of_a_batch_counts_nothing(space):
    metric = CTCErrorRate(space=space)
    logits = keras.ops.one_hot([[2, 0, 2]], 4)
    metric.update_state(CTC.pack_labels([[2, 3]], [2]), CTC.pack_logits(logits, [3]))
    before = float(metric.result())
    metric.update_state(
        keras.ops.zeros((0, 3), "int32"),
        CTC.pack_logits(keras.ops.zeros((0, 5, 4)), keras.ops.zeros(0, "int32")),
    )
    assert float(metric.result()) == before
