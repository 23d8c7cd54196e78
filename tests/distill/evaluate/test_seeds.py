"""Which of several students ships, and what the others are called."""

import pytest

from distill.evaluate.seeds import SeedOfJob, seeds_of
from distill.history import History
from distill.study import Trained


def trained(validation: float, *, chosen: int = 10) -> Trained:
    return Trained(weights={}, stage_steps=[10], chosen_step=chosen, validation=validation)


def seeds(*validations: float, history: History | None = None, chosen: int = 10) -> list[SeedOfJob]:
    runs = ["student", *(f"student.seed{number}" for number in range(2, len(validations) + 1))]
    finished = {run: trained(value, chosen=chosen) for run, value in zip(runs, validations, strict=True)}
    return seeds_of(finished, history or History(), first=7, count=len(validations), main_figure="accuracy")


@pytest.mark.parametrize(
    ("validations", "shipped"), [((0.5,), 1), ((0.5, 0.9, 0.7), 2), ((0.8, 0.8), 1), ((-3.0, -2.0), 2)]
)
def test_the_first_of_the_best_by_validation_ships(validations: tuple[float, ...], shipped: int) -> None:
    found = seeds(*validations)

    assert [each.number for each in found if each.ships] == [shipped]
    assert [each.seed for each in found] == list(range(7, 7 + len(validations)))


def test_a_student_is_judged_by_the_weights_that_it_ended_with() -> None:
    history = History()
    history.add("student", 4, {"validation.accuracy": 0.95}, 0.0)
    history.add("student", 10, {"validation.accuracy": 0.5}, 0.0)

    first, second = seeds(0.5, 0.7, history=history, chosen=4)

    assert first.ships
    assert not second.ships


def test_in_the_result_the_student_is_the_one_that_ships() -> None:
    first, second = seeds(0.5, 0.9)

    assert (first.run("student"), first.name("student")) == ("student", "student.seed1")
    assert (second.run("control"), second.name("control")) == ("control.seed2", "control")
