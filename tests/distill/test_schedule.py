import pytest

from distill.config.training import Constant, Cosine, Sgd, StepDecay, Training
from distill.schedule import rate_at, steps_of


def training(schedule: Cosine | Constant | StepDecay) -> Training:
    return Training(optimizer=Sgd(kind="sgd", learning_rate=1.0), schedule=schedule)


def test_a_cosine_falls_from_the_full_rate_to_nearly_nothing() -> None:
    rates = [rate_at(training(Cosine()), step, 100) for step in range(1, 101)]

    assert rates[0] == 1.0
    assert rates[50] == pytest.approx(0.5)
    assert rates[-1] < 0.001
    assert rates == sorted(rates, reverse=True)


def test_a_warm_up_rises_to_the_full_rate_in_equal_parts() -> None:
    rates = [rate_at(training(Constant(kind="constant", warmup_steps=4)), step, 10) for step in range(1, 7)]

    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_a_cosine_begins_after_its_warm_up() -> None:
    schedule = training(Cosine(warmup_steps=10))

    assert rate_at(schedule, 11, 100) == 1.0
    assert rate_at(schedule, 100, 100) < 0.001


def test_a_step_schedule_multiplies_the_rate_at_each_share() -> None:
    schedule = training(StepDecay(kind="step", at=[0.5, 0.75], factor=0.1))

    assert [rate_at(schedule, step, 8) for step in (4, 5, 6, 7)] == pytest.approx([1.0, 0.1, 0.1, 0.01])


def test_epochs_are_counted_in_full_batches() -> None:
    assert steps_of(Training(epochs=3, batch_size=10), 25) == 8
    assert steps_of(Training(steps=7), 25) == 7
    assert steps_of(Training(epochs=1, batch_size=1000), 25) == 1
