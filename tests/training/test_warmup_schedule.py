import math

import keras
import pytest

from zoo.training import WarmupSchedule


@pytest.mark.parametrize(
    ("shape", "rates"),
    [  # peak 0.4, 4 steps of warm-up, 12 in all: t -> rate
        ("constant", {0: 0.1, 1: 0.2, 3: 0.4, 4: 0.4, 8: 0.4, 12: 0.4, 50: 0.4}),
        ("linear", {0: 0.1, 3: 0.4, 4: 0.4, 5: 0.35, 8: 0.2, 11: 0.05, 12: 0.0, 50: 0.0}),
        ("cosine", {0: 0.1, 3: 0.4, 4: 0.4, 6: 0.2 * (1 + math.sqrt(0.5)), 8: 0.2, 12: 0.0, 50: 0.0}),
    ],
)
def test_rates_are_those_worked_out_by_hand(shape, rates):
    schedule = WarmupSchedule(0.4, total_steps=12, warmup_steps=4, shape=shape)
    assert {t: float(schedule(t)) for t in rates} == pytest.approx(rates, abs=1e-7)


def test_without_warm_up_it_begins_at_the_peak():
    schedule = WarmupSchedule(0.4, total_steps=10)
    assert float(schedule(0)) == pytest.approx(0.4)
    assert float(schedule(5)) == pytest.approx(0.2)


def test_a_second_run_begins_where_the_first_ended():
    first, second = (WarmupSchedule(0.4, 12, 4, "linear", start) for start in (0, 1000))
    assert [float(first(t)) for t in range(13)] == [float(second(1000 + t)) for t in range(13)]


def test_warm_up_of_the_whole_run_ends_at_the_peak():
    schedule = WarmupSchedule(0.4, total_steps=5, warmup_steps=5)
    assert [float(schedule(t)) for t in range(5)] == pytest.approx([0.08, 0.16, 0.24, 0.32, 0.4])


def test_survives_serialization_alone_and_inside_an_optimizer():
    schedule = WarmupSchedule(0.4, 12, 4, "linear", start=3)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert again.get_config() == schedule.get_config()
    optimizer = keras.optimizers.SGD(schedule)
    restored = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert float(restored.learning_rate) == float(schedule(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "step"}, "shape: expected one of .*found 'step'"),
        ({"warmup_steps": 13}, r"warmup_steps: expected 0\.\.12 \(total_steps\), found 13"),
        ({"warmup_steps": -1}, "warmup_steps: expected"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        WarmupSchedule(0.1, total_steps=12, **options)
