import numpy as np
import pytest
import tensorflow as tf

import zoo.models
from zoo.decoding import generate
from zoo.decoding.generation import _compiled, rounded_length

SHAPES = {
    "gpt2": {"vocabulary_size": 61, "hidden_dim": 24, "num_layers": 2, "num_heads": 3, "max_length": 320},
    "llama": {
        "vocabulary_size": 61, "hidden_dim": 24, "num_layers": 2, "num_heads": 6, "num_kv_heads": 2,
        "max_length": 320, "mlp_dim": 40, "mlp": "swiglu", "norm": "rms", "rotary_base": 1e4,
        "use_bias": False, "tie_weights": False,
    },
}  # fmt: skip


def built(shape):
    model = zoo.models.Gpt(**SHAPES[shape])
    model.build((None, None))
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:  # large weights: a greedy answer that is no fixed point
        if len(variable.shape) > 1:
            scale = 0.3 if variable.name == "embeddings" else 5 * variable.shape[0] ** -0.5
            variable.assign(random.normal(0, scale, variable.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return built("llama")


def prompts(lengths, seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(0, 61, length).tolist() for length in lengths]


@pytest.mark.parametrize("shape", SHAPES)
def test_cached_equals_uncached_for_200_tokens_of_ragged_prompts(shape):
    model = built(shape)
    rows = prompts([1, 7, 90, 33])
    logits = tf.function(lambda tokens: model(tokens), input_signature=[tf.TensorSpec((1, None), "int32")])
    for row, answer in zip(rows, generate(model, rows, max_new_tokens=200), strict=True):
        assert answer[: len(row)] == row
        assert len(answer) == len(row) + 200
        greedy = np.argmax(logits(np.array([answer], "int32"))[0], axis=-1)  # every step of it at once
        assert len(set(answer)) > 5
        assert greedy[len(row) - 1 : -1].tolist() == answer[len(row) :]


def test_an_array_comes_back_with_its_answer(model):
    tokens = np.array(prompts([5, 5, 5]))
    whole = generate(model, tokens, max_new_tokens=9)
    assert whole.shape == (3, 14)
    assert whole.dtype == np.int32
    np.testing.assert_array_equal(whole[:, :5], tokens)
    assert whole.tolist() == generate(model, tokens.tolist(), max_new_tokens=9)
    np.testing.assert_array_equal(generate(model, tf.constant(tokens), max_new_tokens=9), whole)


def test_other_lengths_and_sampler_numbers_compile_nothing_new(model):
    def compiled():
        return sum(
            function.experimental_get_tracing_count()
            for pair in _compiled[model].values()
            for function in pair
        )

    options = {"max_new_tokens": 4, "seed": 0}
    generate(model, prompts([9]), temperature=1.0, top_k=3, top_p=0.5, min_p=0.1, **options)
    before = compiled()
    generate(model, prompts([13]), temperature=0.7, **options)
    generate(model, prompts([40]), temperature=0.9, top_k=8, max_new_tokens=11, seed=3)
    generate(model, prompts([50]), temperature=2.0, top_p=0.8, end_id=7, **options)
    assert compiled() == before


def test_a_seed_gives_the_same_answer_whatever_the_other_rows_are(model):
    rows = prompts([8, 8, 8])
    options = {"max_new_tokens": 20, "temperature": 1.0, "seed": 5}
    together = generate(model, rows, **options)
    assert generate(model, rows, **options) == together
    assert generate(model, rows[:1], **options)[0] == together[0]
    assert generate(model, rows, **{**options, "seed": 6}) != together


def test_stream_gives_the_same_tokens(model):
    rows = prompts([6, 3])
    whole = generate(model, rows, max_new_tokens=21)
    pieces = list(generate(model, rows, max_new_tokens=21, stream=True))
    assert len(pieces) == 3
    for row, answer, streamed in zip(rows, whole, np.concatenate(pieces, axis=1).tolist(), strict=True):
        assert row + streamed == answer


def test_a_row_stops_at_its_end_token_and_the_loop_when_all_have(model):
    rows = prompts([4, 4])
    free = generate(model, np.array(rows), max_new_tokens=30)
    end = int(free[0, 10])
    stopped = generate(model, np.array(rows), max_new_tokens=30, end_id=end)
    first = 4 + free[0, 4:].tolist().index(end)
    assert (stopped[0, first:] == end).all()
    np.testing.assert_array_equal(stopped[0, :first], free[0, :first])
    assert end not in generate(model, rows, max_new_tokens=30, end_id=end)[0][4:]
    assert sum(p.shape[1] for p in generate(model, rows[:1], max_new_tokens=99, end_id=end, stream=True)) < 30


def test_banned_tokens_never_come_and_forced_ones_begin_the_answer(model):
    rows = prompts([4])
    free = set(generate(model, rows, max_new_tokens=30)[0][4:])
    banned = sorted(free)[:3]
    answer = generate(model, rows, max_new_tokens=30, banned_tokens=banned, forced_tokens=[5, 6])[0][4:]
    assert answer[:2] == [5, 6]
    assert not set(banned) & set(answer[2:])


def test_repetition_penalty_repeats_less(model):
    rows = prompts([4])
    plain, penalized = (
        generate(model, rows, max_new_tokens=40, repetition_penalty=p)[0][4:] for p in (1.0, 3.0)
    )
    assert len(set(penalized)) > len(set(plain))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token_ids": [[]]}, "token_ids: expected prompts of one token or more"),
        ({"token_ids": []}, "token_ids: expected at least one prompt"),
        ({"token_ids": [[61]]}, "token_ids: expected integers in \\[0, 61\\), found 61"),
        ({"token_ids": [[0.5]]}, "token_ids: expected integers"),
        ({"max_new_tokens": 0}, "max_new_tokens: expected 1 or more, found 0"),
        ({"max_new_tokens": 1.5}, "max_new_tokens: expected an integer, found 1.5"),
        ({"max_new_tokens": 318}, "max_new_tokens: expected at most 317, what a prompt of 3"),
        ({"top_p": 0.0}, "top_p: expected a number in \\(0, 1\\], found 0.0"),
        ({"top_p": 1.5}, "top_p: expected"),
        ({"top_k": 0}, "top_k: expected 1 or more, or None for all, found 0"),
        ({"top_k": -1}, "top_k: expected 1 or more, or None for all, found -1"),
        ({"temperature": float("nan")}, "temperature: expected a number of 0 or more, found nan"),
        ({"min_p": 1.0}, "min_p: expected a number in \\[0, 1\\)"),
        ({"repetition_penalty": 0}, "repetition_penalty: expected a number above 0"),
        ({"banned_tokens": range(61)}, "banned_tokens: expected some token to remain, found all 61 banned"),
        ({"forced_tokens": [99]}, "forced_tokens: expected ids in \\[0, 61\\), found 99"),
    ],
)
def test_bad_arguments_are_named(model, change, message):
    with pytest.raises(ValueError, match=message):
        generate(model, **{"token_ids": [[1, 2, 3]], **change})


def test_a_narrow_cache_gives_nearly_the_same_answer(model):
    rows = prompts([5, 9])
    wide, narrow = (
        generate(model, rows, max_new_tokens=12, cache_dtype=dtype) for dtype in (None, "bfloat16")
    )
    assert [a[:10] for a in wide] == [a[:10] for a in narrow]


def test_lengths_to_compile_for_are_few():
    lengths = sorted({rounded_length(n, 1024) for n in range(1, 1025)})
    assert lengths == [64, 96, 128, 192, 256, 384, 512, 768, 1024]
    assert rounded_length(1000, 1010) == 1010
