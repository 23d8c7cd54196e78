"""When a run is saved, and how much it says on its way."""

import itertools
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from distill.config.events import CheckpointWritten, Measured
from tests.distill.conftest import Inspected
from tests.distill.folders import of_kind, stage
from tests.distill.jobs import small, trained_until_evaluation

STEPS = 50


@pytest.fixture
def a_second_at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that shows one second more whenever an attempt looks at it: once for each update."""
    seconds = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)), time=time.time)
    monkeypatch.setattr("distill.attempt.time", clock)


@pytest.mark.usefixtures("a_second_at_each_look")
@pytest.mark.parametrize(
    ("every_s", "saved_after"),
    [
        (20, [5, 25, 45, STEPS]),
        (2, [*range(2, STEPS + 1, 2), STEPS]),
        (1000, [5, STEPS]),
    ],
)
def test_a_run_is_saved_after_five_seconds_then_as_often_as_its_job_says_and_at_its_end(
    every_s: int, saved_after: list[int], tmp_path: Path, digits: Inspected
) -> None:
    training = {"steps": STEPS, "batch_size": 32, "checkpoint_every_s": every_s}
    folder = stage(tmp_path / "job", small(training=training), digits.dataset, digits.splits)

    heard = trained_until_evaluation(folder)

    written = [event.step for event in of_kind(heard, CheckpointWritten) if event.run == "student"]
    assert written == saved_after


def test_a_long_run_tells_every_nth_update_and_the_same_ones_whatever_happens(
    tmp_path: Path, digits: Inspected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distill.history.ROWS_OF_A_NAME", 10)
    training = {"steps": STEPS, "batch_size": 32}
    folder = stage(tmp_path / "job", small(training=training), digits.dataset, digits.splits)

    heard = trained_until_evaluation(folder)

    told = [
        event.step
        for event in of_kind(heard, Measured)
        if event.run == "student" and "train.loss.total" in event.values
    ]
    assert told == list(range(5, STEPS + 1, 5))
