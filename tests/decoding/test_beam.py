import itertools

import numpy as np
import pytest
import tensorflow as tf

import zoo.models
from zoo.decoding import generate

VOCABULARY, END = 5, 4


def toy(vocabulary=VOCABULARY, seed=0):
    model = zoo.models.Gpt(vocabulary, hidden_dim=16, num_layers=1, num_heads=2, max_length=80)
    model.build((None, None))
    random = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            variable.assign(random.normal(0, 0.7, variable.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return toy()


def answers(length):
    """All that may be said in `length` tokens: what ends, and what has no room to."""
    for count in range(1, length + 1):
        for start in itertools.product(range(END), repeat=count - 1):
            yield (*start, END)
    yield from itertools.product(range(END), repeat=length)


def log_probs_of(model, prompt, rows):
    """The log-probability of each answer after the prompt."""
    size = max(map(len, rows))
    whole = np.array([[*prompt, *row, *[0] * (size - len(row))] for row in rows])
    table = tf.nn.log_softmax(model(whole))
    return [
        sum(float(table[i, len(prompt) + n - 1, token]) for n, token in enumerate(row))
        for i, row in enumerate(rows)
    ]


def test_beams_enough_for_all_answers_find_the_best_of_them():
    # Every beginning of an answer of 3 tokens finds room in half of a vocabulary of 40.
    model = toy(40, seed=1)
    few = {"banned_tokens": [i for i in range(40) if i > END]}
    prompts, rows = [[1, 2], [3], [0, 0, 1]], list(answers(3))
    size = max(map(len, rows))
    tables = {}
    for prompt in prompts:
        whole = np.array([[*prompt, *row, *[0] * (size - len(row))] for row in rows])
        table = tf.nn.log_softmax(model(whole)[:, len(prompt) - 1 :, : END + 1]).numpy()
        tables[tuple(prompt)] = [table[i, range(len(row)), row].sum() for i, row in enumerate(rows)]
    for length_penalty in (0.0, 1.0, 2.0, -1.0):
        found = generate(model, prompts, 3, num_beams=16, length_penalty=length_penalty, end_id=END, **few)
        for prompt, answer in zip(prompts, found, strict=True):
            scores = tables[tuple(prompt)] / np.array([len(row) for row in rows]) ** length_penalty
            best = rows[int(np.argmax(scores))]
            assert answer[len(prompt) :] == [token for token in best if token != END]


def plain_beam_search(model, prompt, length, beams, length_penalty):
    """The search as papers write it, one row, lists of (score, tokens)."""
    live, done = [(0.0, ())], []
    for _ in range(length):
        table = tf.nn.log_softmax(model(np.array([[*prompt, *row] for _, row in live]))[:, -1]).numpy()
        grown = [
            (score + float(table[i, token]), (*row, token))
            for i, (score, row) in enumerate(live)
            for token in range(model.vocabulary_size)
        ]
        grown = sorted(grown, reverse=True)[: 2 * beams]
        done += [(s / len(row) ** length_penalty, row) for s, row in grown if row[-1] == END]
        live = [(s, row) for s, row in grown if row[-1] != END][:beams]
    done += [(s / length**length_penalty, row) for s, row in live]
    return max(done)[1]


def test_few_beams_equal_the_plain_search_in_a_ragged_batch():
    model, random = toy(11, seed=2), np.random.default_rng(0)
    prompts = [random.integers(0, 11, n).tolist() for n in (2, 9, 4)]
    for length_penalty in (0.0, 1.0):
        found = generate(model, prompts, 8, num_beams=3, length_penalty=length_penalty, end_id=END)
        for prompt, answer in zip(prompts, found, strict=True):
            expected = plain_beam_search(model, prompt, 8, 3, length_penalty)
            assert answer[len(prompt) :] == [token for token in expected if token != END]


def test_beams_find_likelier_answers_than_the_greedy_one(model):
    prompts = [[a, b] for a in range(END) for b in range(END)]
    greedy, searched = (generate(model, prompts, 8, num_beams=n, length_penalty=0.0) for n in (1, 2))
    scores = [
        [log_probs_of(model, prompt, [answer[2:]])[0] for prompt, answer in zip(prompts, found, strict=True)]
        for found in (greedy, searched)
    ]
    assert np.mean(scores[1]) > np.mean(scores[0])


def test_forced_and_banned_tokens_and_penalties_hold_in_every_beam():
    model = toy(11, seed=2)
    options = {"num_beams": 3, "forced_tokens": [7, 2], "banned_tokens": [1, 9], "repetition_penalty": 1.5}
    answer = generate(model, [[3, 5]], 9, **options)[0][2:]
    assert answer[:2] == [7, 2]
    assert not {1, 9} & set(answer[2:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_beams": 0}, "num_beams: expected 1 or more, found 0"),
        ({"num_beams": 3}, "num_beams: expected at most 2, half of the vocabulary, found 3"),
        ({"temperature": 0.5}, "temperature: expected 0 together with num_beams"),
        ({"stream": True}, "stream: expected False together with num_beams"),
        ({"length_penalty": float("nan")}, "length_penalty: expected a number, found nan"),
    ],
)
def test_bad_arguments_are_named(model, change, message):
    with pytest.raises(ValueError, match=message):
        generate(model, [[1, 2]], **{"num_beams": 2, **change})
