"""What the paired bootstrap says, and when it says nothing."""

from typing import Any

import numpy as np
import pytest
import torch

from distill.evaluate import intervals
from distill.evaluate.intervals import Rivals, comparisons, interval, intervals_note, resample
from distill.tasks.science import Scores


def answers(*, right: int, of: int, seed: int) -> Scores:
    shuffled = np.random.default_rng(seed).permutation(of)
    return Scores.of_examples(torch.from_numpy(shuffled < right))


def numbers(values: list[float]) -> Scores:
    return Scores.of_examples(torch.tensor(values))


def compared(teacher: Scores, student: Scores, control: Scores | None, *, seed: int = 0) -> dict[str, Any]:
    rivals = Rivals([teacher], [student], None if control is None else [control])
    return comparisons(resample(rivals, seed=seed), no_control="the control was switched off")


def test_a_student_that_is_clearly_better_than_its_control_was_helped() -> None:
    found = compared(
        answers(right=480, of=500, seed=0),
        answers(right=470, of=500, seed=1),
        answers(right=400, of=500, seed=2),
    )

    assert found["distillation"] == "helped"
    assert found["gain"]["value"] == pytest.approx(0.14)
    assert 0 < found["gain"]["low"] < 0.14 < found["gain"]["high"]
    assert found["retention"]["value"] == pytest.approx(470 / 480)
    assert found["gap_closed"]["value"] == pytest.approx(70 / 80)


def test_a_student_that_is_clearly_worse_than_its_control_was_hurt() -> None:
    found = compared(
        answers(right=480, of=500, seed=0),
        answers(right=400, of=500, seed=1),
        answers(right=470, of=500, seed=2),
    )

    assert found["distillation"] == "hurt"


def test_a_small_gain_on_few_examples_is_no_difference() -> None:
    found = compared(
        answers(right=38, of=40, seed=0),
        answers(right=36, of=40, seed=1),
        answers(right=35, of=40, seed=2),
    )

    assert found["distillation"] == "no_difference"
    assert found["gain"]["low"] <= 0 <= found["gain"]["high"]


def test_where_teacher_and_control_are_alike_there_is_no_gap_to_close() -> None:
    alike = answers(right=450, of=500, seed=0)

    gap_closed = compared(alike, answers(right=455, of=500, seed=1), alike)["gap_closed"]

    assert gap_closed["value"] is gap_closed["low"] is gap_closed["high"] is None
    assert "no gap" in gap_closed["reason"]


def test_without_a_control_the_gain_is_not_measured_and_the_reason_is_told() -> None:
    found = compared(answers(right=9, of=10, seed=0), answers(right=8, of=10, seed=1), None)

    assert found["distillation"] == "not_measured"
    assert found["gain"]["value"] is None
    assert found["gain"]["reason"] == found["gap_closed"]["reason"] == "the control was switched off"
    assert found["retention"]["value"] == pytest.approx(8 / 9)


def test_a_share_of_a_teacher_that_explains_nothing_is_not_given() -> None:
    found = compared(numbers([0.1, -0.2, 0.1]), numbers([0.5, 0.4, 0.6]), numbers([0.5, 0.4, 0.6]))

    assert found["retention"]["value"] is None
    assert "not clearly above zero" in found["retention"]["reason"]


def test_what_soft_targets_gave_beyond_the_top_class_is_measured_where_that_was_asked_for() -> None:
    teacher, student = answers(right=480, of=500, seed=0), answers(right=470, of=500, seed=1)
    argmax = answers(right=430, of=500, seed=2)

    asked = comparisons(resample(Rivals([teacher], [student], None, [argmax]), seed=0), no_control="")
    not_asked = compared(teacher, student, None)

    assert asked["gain_over_teacher_argmax"]["value"] == pytest.approx(0.08)
    assert asked["gain_over_teacher_argmax"]["low"] > 0
    assert not_asked["gain_over_teacher_argmax"]["value"] is None


def test_resampling_outcomes_is_resampling_examples() -> None:
    """The interval of an accuracy is that of a bootstrap which draws examples one by one."""
    right = answers(right=70, of=100, seed=0)
    draws = np.random.default_rng(1).integers(0, 100, size=(20_000, 100))
    low, high = np.quantile(right.value[draws].mean(axis=1), [0.025, 0.975])

    found = interval(resample(Rivals([right], [right]), seed=0).student)

    assert found["value"] == 0.7
    assert found["low"] == pytest.approx(low, abs=0.011)
    assert found["high"] == pytest.approx(high, abs=0.011)


def test_texts_are_resampled_with_all_their_words() -> None:
    """The interval of a ratio of sums is that of a bootstrap which draws whole texts."""
    random = np.random.default_rng(0)
    words = random.integers(1, 30, size=80).astype(float)
    scores = Scores(np.floor(words * random.uniform(0.3, 1, size=80)), words)
    draws = random.integers(0, 80, size=(20_000, 80))
    ratios = scores.value[draws].sum(axis=1) / scores.weight[draws].sum(axis=1)

    found = interval(resample(Rivals([scores], [scores]), seed=0).student)

    assert found["value"] == pytest.approx(scores.main())
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(ratios, [0.025, 0.975]), abs=0.01)


def test_more_examples_than_are_drawn_one_by_one_give_the_interval_of_their_spread() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.2, size=20_000)
    scores = Scores(values, np.ones_like(values))
    assert len(values) > intervals.MOST_EXAMPLES

    found = interval(resample(Rivals([scores], [scores]), seed=0).student)

    half = 1.96 * 0.2 / 20_000**0.5
    assert found["value"] == pytest.approx(values.mean())
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.1)


def test_the_examples_stay_paired() -> None:
    right = answers(right=70, of=100, seed=0)

    assert compared(right, right, right)["gain"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_the_same_seed_gives_the_same_interval() -> None:
    right, other = answers(right=70, of=100, seed=0), answers(right=60, of=100, seed=1)

    assert compared(right, right, other, seed=7) == compared(right, right, other, seed=7)


def test_of_several_seeds_the_mean_counts_and_three_of_them_widen_the_interval() -> None:
    teacher = answers(right=990, of=1000, seed=0)
    good, poor = answers(right=950, of=1000, seed=1), answers(right=750, of=1000, seed=2)

    two = resample(Rivals([teacher], [good, poor]), seed=0)
    four = resample(Rivals([teacher], [good, poor, good, poor]), seed=0)

    assert two.student[0] == four.student[0] == pytest.approx(0.85)
    width_of_two, width_of_four = (
        found["high"] - found["low"] for found in map(interval, (two.student, four.student))
    )
    assert width_of_two < 0.04
    assert width_of_four > 0.15


def test_each_student_stays_with_the_control_of_its_own_seed() -> None:
    """Seeds differ by much, but the gain is the same in each: its interval knows no seeds."""
    teacher = answers(right=100, of=100, seed=0)
    students = [answers(right=right, of=100, seed=1) for right in (90, 60, 40)]
    controls = [answers(right=right - 10, of=100, seed=1) for right in (90, 60, 40)]

    found = comparisons(resample(Rivals([teacher], students, controls), seed=0), no_control="")

    assert found["gain"]["value"] == pytest.approx(0.1)
    assert found["gain"]["high"] - found["gain"]["low"] < 0.15
    assert found["distillation"] == "helped"


@pytest.mark.parametrize(
    ("seeds", "said"), [(1, "this run alone"), (2, "2 seeds, too few"), (3, "over seeds, then")]
)
def test_the_note_says_what_was_resampled(seeds: int, said: str) -> None:
    assert said in intervals_note(seeds)


def test_leaving_out_zeros_changes_no_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.eye(40)[np.random.default_rng(0).integers(0, 40, size=300)]

    def summed(sparse_from: int) -> intervals.Figures:
        monkeypatch.setattr(intervals, "SPARSE_FROM", sparse_from)
        return intervals.resampled_sums(columns, lambda sums: sums, np.random.default_rng(1))

    assert np.array_equal(summed(1), summed(10**9))
    assert np.array_equal(summed(1)[0], columns.sum(axis=0))
