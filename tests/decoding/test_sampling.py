import numpy as np
import pytest
import tensorflow as tf

from zoo.decoding.sampling import NEVER, filter_logits, gumbel, next_token, penalize

LOGITS = np.random.default_rng(3).normal(0, 1.5, (1, 40)).astype("float32")


def plain_filter(row, top_k, top_p, min_p):
    """The filters by sorting, as papers write them."""
    keep = np.ones(len(row), bool)
    if top_k:
        keep &= row >= np.sort(row)[-top_k]
    probabilities = np.exp(np.where(keep, row, -np.inf))
    probabilities /= probabilities.sum()
    order = np.argsort(-probabilities)
    before = np.cumsum(probabilities[order]) - probabilities[order]
    if top_p < 1:
        keep[order[before >= top_p]] = False
    return keep & (probabilities >= min_p * probabilities.max())


@pytest.mark.parametrize("compiled", [False, True])
def test_filters_equal_sorting(compiled):
    filters = tf.function(filter_logits, jit_compile=compiled)
    random = np.random.default_rng(0)
    for _ in range(40):
        row = random.normal(0, random.uniform(0.1, 5), 300).astype("float32")
        top_k, top_p = int(random.integers(0, 330)), random.choice([0.01, 0.3, 0.9, 1.0])
        min_p = random.choice([0.0, 0.02, 0.3])
        settings = tf.constant(top_k), tf.constant(top_p, "float32"), tf.constant(min_p, "float32")
        kept = filters(row[None], *settings)[0].numpy() > NEVER / 2
        np.testing.assert_array_equal(kept, plain_filter(row, min(top_k, 300), top_p, min_p))


@pytest.mark.parametrize(
    "settings",
    [(1.0, 0, 1.0, 0.0), (0.7, 0, 1.0, 0.0), (1.0, 12, 1.0, 0.0), (1.0, 0, 0.8, 0.0), (1.3, 20, 0.9, 0.05)],
)
def test_draws_have_the_distribution_of_the_filtered_softmax(settings):
    temperature, top_k, top_p, min_p = settings
    count = 40_000
    names = ("temperature", "top_k", "top_p", "min_p")
    sampler = {name: tf.constant(value) for name, value in zip(names, settings, strict=True)}
    logits = tf.repeat(LOGITS, count // 4, axis=0)
    draws = np.concatenate([next_token(logits, sampler, 11, step).numpy() for step in range(4)])
    scaled = LOGITS[0] / np.float32(temperature)
    kept = plain_filter(scaled, top_k, top_p, min_p)
    expected = np.exp(scaled) * kept
    expected *= count / expected.sum()
    found = np.bincount(draws, minlength=40)
    assert not found[~kept].any()
    chi_square = ((found - expected)[kept] ** 2 / expected[kept]).sum()
    freedom = kept.sum() - 1
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom)


def test_temperature_0_takes_the_likeliest():
    sampler = {"temperature": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
    sampler = {name: tf.constant(value) for name, value in sampler.items()}
    assert next_token(tf.constant(LOGITS), sampler, 0, 0).numpy() == LOGITS.argmax()


def test_noise_is_the_same_compiled_or_not_and_differs_by_seed_step_and_row():
    def draw(seed, step):
        return gumbel(seed, step, (2, 50))

    one = draw(tf.constant(1), tf.constant(2)).numpy()
    compiled = tf.function(draw, jit_compile=True)(tf.constant(1), tf.constant(2))
    np.testing.assert_allclose(one, compiled, rtol=1e-5)
    for other in (draw(2, 2), draw(1, 3), one[::-1]):
        assert np.abs(one - other).mean() > 0.5
    assert abs(one.mean() - 0.5772) < 0.4


def test_penalty_lowers_positive_and_negative_logits():
    found = penalize(np.array([[2.0, -2.0, 2.0]], "float32"), np.array([[True, True, False]]), 2.0)
    assert found.numpy().tolist() == [[1.0, -4.0, 2.0]]
