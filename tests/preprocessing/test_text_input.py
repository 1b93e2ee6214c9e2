import numpy as np
import pytest

from zoo.preprocessing.text_input import CALL, like_lengths


@pytest.mark.parametrize("seed", range(5))
def test_like_lengths_hold_every_row_once_and_pad_less(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 400, rng.integers(1, 300))
    size = int(rng.integers(1, 50))
    parts = like_lengths(lengths, size)
    assert sorted(np.concatenate(parts)) == list(range(len(lengths)))
    assert max(map(len, parts)) <= size
    longest = [lengths[part].max() for part in parts]
    assert longest == sorted(longest, reverse=True)

    def cost(parts):
        return sum(len(part) * lengths[part].max() + CALL for part in parts)

    order = np.argsort(-lengths, kind="stable")
    plain = [order[i : i + size] for i in range(0, len(order), size)]
    assert cost(parts) <= cost(plain)


def test_like_lengths_of_one_length_are_full_batches():
    assert [len(part) for part in like_lengths(np.full(70, 12), 32)] == [32, 32, 6]
