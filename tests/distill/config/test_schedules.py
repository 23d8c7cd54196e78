from math import cos, pi
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from distill.config.schedules import (
    Temperature,
    TemperatureRamp,
    Weight,
    WeightOfShare,
    WeightRamp,
    WeightWarmup,
    is_ever_positive,
    value_at,
)

amounts = st.floats(0, 1000)


def at(given: Any, *steps: int, of: int = 11) -> list[float]:
    return [value_at(given, step, steps=of, steps_of_epoch=2.5) for step in steps]


def test_a_number_stays_as_it_is() -> None:
    assert at(0.7, 1, 6, 11) == [0.7, 0.7, 0.7]


@given(start=amounts, end=amounts, steps=st.integers(2, 1000), kind=st.sampled_from(["linear", "cosine"]))
def test_a_ramp_begins_and_ends_exactly_where_it_says(
    start: float, end: float, steps: int, kind: Any
) -> None:
    ramp = WeightRamp(kind=kind, start=start, end=end)

    assert at(ramp, 1, steps, of=steps) == pytest.approx([start, end])


def test_a_linear_ramp_gains_the_same_with_each_step() -> None:
    ramp = TemperatureRamp(kind="linear", start=11.0, end=1.0)

    assert at(ramp, 1, 2, 6, 11) == pytest.approx([11, 10, 6, 1])


def test_a_cosine_ramp_is_slow_at_both_ends() -> None:
    ramp = WeightRamp(kind="cosine", start=0.0, end=1.0)

    assert at(ramp, 2, 6, 10) == pytest.approx([(1 - cos(pi / 10)) / 2, 0.5, 1 - (1 - cos(pi / 10)) / 2])


def test_a_ramp_over_a_share_of_the_stage_stays_at_its_end() -> None:
    ramp = WeightRamp(kind="linear", start=4.0, end=0.0, over=0.5)

    assert at(ramp, 1, 3, 5, 10, of=10) == pytest.approx([4, 2, 0, 0])


def test_a_ramp_of_one_step_is_at_its_start() -> None:
    assert at(WeightRamp(kind="linear", start=4.0, end=0.0), 1, of=1) == [4.0]


def test_a_warmup_counts_steps_or_epochs_and_never_starts_at_nothing() -> None:
    by_steps = WeightWarmup(kind="warmup", value=8.0, steps=4)
    by_epochs = WeightWarmup(kind="warmup", value=8.0, epochs=2)  # five steps

    assert at(by_steps, 1, 2, 4, 5) == pytest.approx([2, 4, 8, 8])
    assert at(by_epochs, 1, 2, 5, 6) == pytest.approx([1.6, 3.2, 8, 8])


@pytest.mark.parametrize("lengths", [{}, {"steps": 3, "epochs": 1.0}])
def test_a_warmup_has_exactly_one_length(lengths: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of epochs and steps"):
        WeightWarmup(kind="warmup", value=1.0, **lengths)


@pytest.mark.parametrize(
    ("weight", "ever"),
    [
        (0.0, False),
        (0.1, True),
        (WeightRamp(kind="linear", start=0.0, end=0.0), False),
        (WeightRamp(kind="linear", start=0.0, end=0.1), True),
        (WeightWarmup(kind="warmup", value=0.0, steps=3), False),
        (WeightWarmup(kind="warmup", value=2.0, steps=3), True),
        (WeightOfShare(kind="auto"), True),
    ],
)
def test_a_weight_teaches_where_it_is_positive_at_any_time(weight: Any, ever: bool) -> None:
    assert is_ever_positive(weight) is ever


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (Weight, {"kind": "exponential"}, "linear, cosine, warmup or auto"),
        (Temperature, {"kind": "warmup"}, "linear or cosine"),
    ],
)
def test_an_unknown_schedule_is_refused_with_those_there_are(kind: Any, value: Any, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        TypeAdapter(kind).validate_python(value)
