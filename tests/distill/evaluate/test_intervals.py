"""What the paired bootstrap says, and when it says nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray

from distill.evaluate.intervals import comparisons, interval, resample


def answers(*, right: int, of: int, seed: int) -> NDArray[np.bool_]:
    shuffled = np.random.default_rng(seed).permutation(of)
    return shuffled < right


def test_a_student_that_is_clearly_better_than_its_control_was_helped() -> None:
    sample = resample(
        answers(right=480, of=500, seed=0),
        answers(right=470, of=500, seed=1),
        answers(right=400, of=500, seed=2),
        seed=0,
    )

    found = comparisons(sample)

    assert found["distillation"] == "helped"
    assert found["gain"]["value"] == pytest.approx(0.14)
    assert 0 < found["gain"]["low"] < 0.14 < found["gain"]["high"]
    assert found["retention"]["value"] == pytest.approx(470 / 480)
    assert found["gap_closed"]["value"] == pytest.approx(70 / 80)


def test_a_student_that_is_clearly_worse_than_its_control_was_hurt() -> None:
    sample = resample(
        answers(right=480, of=500, seed=0),
        answers(right=400, of=500, seed=1),
        answers(right=470, of=500, seed=2),
        seed=0,
    )

    assert comparisons(sample)["distillation"] == "hurt"


def test_a_small_gain_on_few_examples_is_no_difference() -> None:
    sample = resample(
        answers(right=38, of=40, seed=0),
        answers(right=36, of=40, seed=1),
        answers(right=35, of=40, seed=2),
        seed=0,
    )

    found = comparisons(sample)

    assert found["distillation"] == "no_difference"
    assert found["gain"]["low"] <= 0 <= found["gain"]["high"]


def test_where_teacher_and_control_are_alike_there_is_no_gap_to_close() -> None:
    alike = answers(right=450, of=500, seed=0)

    gap_closed = comparisons(resample(alike, answers(right=455, of=500, seed=1), alike, seed=0))["gap_closed"]

    assert gap_closed["value"] is gap_closed["low"] is gap_closed["high"] is None
    assert "no gap" in gap_closed["reason"]


def test_without_a_control_the_gain_is_not_measured() -> None:
    sample = resample(answers(right=9, of=10, seed=0), answers(right=8, of=10, seed=1), None, seed=0)

    found = comparisons(sample)

    assert found["distillation"] == "not_measured"
    assert found["gain"]["value"] is None
    assert found["retention"]["value"] == pytest.approx(8 / 9)


def test_resampling_outcomes_is_resampling_examples() -> None:
    """The interval of an accuracy is that of a bootstrap which draws examples one by one."""
    right = answers(right=70, of=100, seed=0)
    draws = np.random.default_rng(1).integers(0, 100, size=(20_000, 100))
    low, high = np.quantile(right[draws].mean(axis=1), [0.025, 0.975])

    found = interval(resample(right, right, None, seed=0).student)

    assert found["value"] == 0.7
    assert found["low"] == pytest.approx(low, abs=0.011)
    assert found["high"] == pytest.approx(high, abs=0.011)


def test_the_examples_stay_paired() -> None:
    right = answers(right=70, of=100, seed=0)

    gain = comparisons(resample(right, right, right, seed=0))["gain"]

    assert gain == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_the_same_seed_gives_the_same_interval() -> None:
    right, other = answers(right=70, of=100, seed=0), answers(right=60, of=100, seed=1)

    first, second = (comparisons(resample(right, right, other, seed=7)) for _ in range(2))

    assert first == second
