import numpy as np
import pytest

import zoo.models
from zoo.decoding import generate
from zoo.decoding.sampling import filter_logits

VOCABULARY = 7


def toy(seed, vocabulary=VOCABULARY, width=16, **options):
    model = zoo.models.Gpt(vocabulary, hidden_dim=width, num_layers=1, num_heads=2, max_length=160, **options)
    model.build((None, None))
    random = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            variable.assign(random.normal(0, 0.5, variable.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return toy(0)


@pytest.fixture(scope="module")
def likeness(model):
    """A draft that is often right: the decoder's weights with noise."""
    draft = toy(0)
    random = np.random.default_rng(5)
    for variable in draft.trainable_variables:
        variable.assign_add(random.normal(0, 0.1, variable.shape))
    return draft


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "proposals"),
    [pytest.param(None, 4, id="likeness"), pytest.param(9, 1, id="stranger")],
)
def test_greedy_answer_equals_the_decoders_token_for_token(model, likeness, seed, proposals):
    draft = likeness if seed is None else toy(seed)
    random = np.random.default_rng(1)
    prompts = [random.integers(0, VOCABULARY, n).tolist() for n in (1, 12, 30)]
    expected = generate(model, prompts, 60)
    assert generate(model, prompts, 60, draft=draft, proposals=proposals) == expected


@pytest.mark.slow
def test_rotary_decoders_and_end_tokens_come_out_the_same():
    options = {"rotary_base": 1e4, "num_kv_heads": 1, "norm": "rms", "mlp": "swiglu"}
    model, draft = toy(3, **options), toy(4, **options)
    prompts = [[1, 2, 3], [4], [0, 5]]
    end = generate(model, prompts, 20)[0][10]
    options = {"max_new_tokens": 40, "end_id": end, "banned_tokens": [6]}
    assert generate(model, prompts, **options, draft=draft) == generate(model, prompts, **options)
    array = np.array([[1, 2, 3], [4, 4, 4]])
    expected = generate(model, array, **options)
    np.testing.assert_array_equal(generate(model, array, **options, draft=draft), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 1.0},
        {"temperature": 1.3, "top_k": 6, "top_p": 0.9, "min_p": 0.02},
    ],
)
def test_draws_are_distributed_as_the_decoders(model, likeness, settings):
    """Pairs of neighbouring new tokens, the first of them of the draft, by chi-square."""
    count, prompt = 12_000, [3, 1, 4]
    drawn = generate(model, np.tile([prompt], (count, 1)), 4, draft=likeness, proposals=2, seed=7, **settings)

    def probabilities(rows):
        logits = model(np.array(rows))[:, -1] / settings["temperature"]
        limits = (settings.get(name, off) for name, off in (("top_k", 0), ("top_p", 1.0), ("min_p", 0.0)))
        kept = filter_logits(logits, *limits).numpy().astype("float64")
        kept = np.exp(kept - kept.max(axis=-1, keepdims=True))
        return kept / kept.sum(axis=-1, keepdims=True)

    for first in (3, 4):  # the prefill's token, then a round of two proposals and one more
        before = np.unique(drawn[:, 3:first], axis=0) if first > 3 else np.zeros((1, 0), int)
        for start in before:
            rows = drawn[(drawn[:, 3:first] == start).all(axis=1)][:, first : first + 2]
            begin = [*prompt, *start.tolist()]
            one = probabilities([begin])[0]
            two = probabilities([[*begin, token] for token in range(VOCABULARY)])
            expected = (one[:, None] * two).ravel() * len(rows)
            found = np.bincount(rows[:, 0] * VOCABULARY + rows[:, 1], minlength=VOCABULARY**2)
            assert not found[expected == 0].any()
            usual = expected > 5
            if usual.sum() < 3:
                continue
            chi_square = ((found - expected)[usual] ** 2 / expected[usual]).sum()
            freedom = usual.sum() - 1
            assert chi_square < freedom + 4 * np.sqrt(2 * freedom) + 4


def test_a_good_draft_saves_passes_of_the_decoder(model):
    """With the decoder as its own draft every proposal is kept: 5 tokens a pass."""
    from zoo.decoding.arguments import sampler_inputs
    from zoo.decoding.speculative import begin_speculation, speculate

    sampler = sampler_inputs(VOCABULARY, 0.0, None, 1.0, 0.0, 1.0) | {"end_id": -1, "seed": 0}
    features = {"draws": False, "bans": False}
    pads = np.zeros(1, "int32")
    models = (model, model)
    state = begin_speculation(models, np.array([[1, 2, 3]]), pads, np.int32(64), sampler, **features)
    state = speculate(models, state, pads, np.int32(24), sampler, 4, **features)
    assert int(state["count"]) - 1 == 4  # 20 tokens after the prefill's


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"draft": toy(1, vocabulary=9)}, "draft: expected a model of 7 tokens, found one of 9"),
        ({"num_beams": 2}, "draft: expected None together with num_beams"),
        ({"stream": True}, "stream: expected False together with draft"),
        ({"repetition_penalty": 1.2}, "draft: expected no repetition_penalty and no forced_tokens"),
        ({"proposals": 0}, "proposals: expected 1 or more, found 0"),
    ],
)
def test_bad_arguments_are_named(model, likeness, change, message):
    with pytest.raises(ValueError, match=message):
        generate(model, [[1, 2]], **{"draft": likeness, **change})
