"""How far a job is counts everything that lies ahead: all runs, all stages, and what is gathered."""

import itertools
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from distill.config.events import Progressed
from distill.progress import AFTER_TRAINING, BEFORE_TRAINING, GATHERING, Part, Progress

PARTS = [
    Part("teacher", 0, 10, cost=3.0),
    Part(GATHERING, 0, 100, cost=0.1),
    Part("student", 0, 10, cost=1.0),
    Part("student", 1, 20, cost=2.0),
    Part("control", 0, 10, cost=1.0),
]
WHOLE = 30 + 10 + 10 + 40 + 10


@pytest.fixture(autouse=True)
def a_second_at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()
    monkeypatch.setattr("distill.progress.time", SimpleNamespace(monotonic=lambda: float(next(seconds))))


class Heard:
    """Takes progress events."""

    def __init__(self) -> None:
        self.events: list[Progressed] = []

    def send(self, event: Progressed) -> None:
        self.events.append(event)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def step(heard: Heard) -> Callable[..., Progressed]:
    """Tell of one update, and hear what is said of it."""
    progress = Progress(heard)  # type: ignore[arg-type]  # takes events as a channel does
    progress.plan(PARTS)

    def told(run: str, stage: int, in_stage: int, number: int) -> Progressed:
        progress.step(run, stage, in_stage, number=number, epoch=0, examples=32)
        return heard.events[-1]

    return told


@pytest.mark.parametrize(
    ("run", "stage", "in_stage", "number", "done", "updates"),
    [
        ("teacher", 0, 5, 5, 15, 10),
        (GATHERING, 0, 50, 50, 35, 100),
        ("student", 0, 10, 10, 50, 30),
        ("student", 1, 1, 11, 52, 30),
        ("control", 0, 10, 10, 100, 10),
    ],
)
def test_the_fraction_is_what_is_behind_of_all_that_is_to_be_done(
    step: Callable[..., Progressed], run: str, stage: int, in_stage: int, number: int, done: int, updates: int
) -> None:
    event = step(run, stage, in_stage, number)

    expected = BEFORE_TRAINING + (AFTER_TRAINING - BEFORE_TRAINING) * done / WHOLE
    assert event.fraction == pytest.approx(expected)
    assert (event.step, event.total_steps) == (number, updates)


def test_a_stage_that_stops_early_lets_the_fraction_leap_and_never_fall(
    step: Callable[..., Progressed], heard: Heard
) -> None:
    step("student", 0, 2, 2)
    step("student", 1, 1, 3)
    step("student", 0, 3, 3)

    fractions = [event.fraction for event in heard.events]
    assert fractions == sorted(fractions)


def test_what_is_left_is_expected_to_take_as_long_as_what_is_done_took(
    step: Callable[..., Progressed],
) -> None:
    first, second = step("teacher", 0, 1, 1), step("teacher", 0, 2, 2)

    assert first.eta_s is None
    assert second.eta_s is not None
    assert second.eta_s > 0
