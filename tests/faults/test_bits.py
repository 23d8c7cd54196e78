"""The science itself, killed again and again, comes to the same bits as when it is left alone."""

import random
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from ledger.queries import artifacts, metrics
from ledger.settings import Settings
from tests.faults.tally import Tally
from tests.faults.test_digits import digits
from tests.faults.yard import Yard
from tests.worker.scripted import submit
from worker import processes

STEPS = 600
"""Of each run and stage: so many that the job outlives five kills on a quick machine too."""
BRIEF: dict[str, Any] = {"batch_size": 64, "checkpoint_every_s": 1}
STAGES = [
    {
        "name": "first",
        "losses": [{"kind": "soft_target", "weight": 1.0}],
        "training": {**BRIEF, "steps": STEPS},
    },
    {
        "name": "second",
        "losses": [{"kind": "soft_target", "weight": 0.5}, {"kind": "hard_target", "weight": 0.5}],
        "training": {**BRIEF, "steps": STEPS},
    },
]
SPEC: dict[str, Any] = {
    "name": "bits",
    "dataset": "real-digits",
    "labels": {"count": 100},
    "teacher": {
        "train": {
            "architecture": "mlp",
            "config": {"depth": 3, "width": 64},
            "training": {**BRIEF, "steps": STEPS},
        }
    },
    "student": {"architecture": "mlp", "config": {"depth": 2, "width": 16}},
    "stages": STAGES,
    "evaluation": {"control": True, "seeds": 2},
    "limits": {"max_attempts": 20},
}
KILLS = 5
PATIENT = {"lease": timedelta(seconds=60), "give_up_after": timedelta(seconds=45)}
"""The process is killed here, and its supervisor sees that at once: it takes no lease to run out."""
WITH_A_CLOCK = {"log", "report", "metrics", "card", "manifest"}
"""Kinds of artifacts that tell when and how fast; the rows of the metrics are compared instead."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"threads": 1})


def bits(yard: Yard, job_id: str) -> dict[str, str]:
    with yard.sessions.reading() as session:
        kept = artifacts(session, job_id)
    return {one.filename: one.sha256 for one in kept if one.kind not in WITH_A_CLOCK}


def rows(yard: Yard, job_id: str) -> dict[tuple[str, str, int], float]:
    with yard.sessions.reading() as session:
        return {(row.run, row.name, row.step): row.value for row in metrics(session, job_id)}


def has_checkpoint(yard: Yard, job_id: str, attempt: int) -> bool:
    return any(checkpoint.attempt == attempt for checkpoint in yard.checkpoints(job_id))


def is_running(yard: Yard, job_id: str, attempt: int) -> bool:
    return len(yard.attempts(job_id)) == attempt and bool(yard.inside())


def kill_at_checkpoints(yard: Yard, job_id: str, times: int) -> None:
    """Each time when the attempt has added a checkpoint, so that the next goes on from another one."""
    for attempt in range(1, times + 1):
        yard.until(partial(has_checkpoint, yard, job_id, attempt), within_s=120, beat=True)
        kill(yard)


def kill_anywhere(yard: Yard, job_id: str, times: int) -> None:
    """Each time after a moment of its running that nobody chose."""
    chance = random.Random(times)
    for attempt in range(1, times + 1):
        yard.until(partial(is_running, yard, job_id, attempt), within_s=60, beat=True)
        yard.rest(chance.uniform(0.5, 6.0))
        kill(yard)


def kill(yard: Yard) -> None:
    for pid in yard.inside():
        processes.send(pid, signal.SIGKILL)


def run_and_compare(
    yard: Yard, tally: Tally, kill: Callable[[Yard, str, int], None], *, jobs: int, times: int
) -> None:
    """One job is left alone, and each of the others killed so many times."""
    yard.settings = yard.settings.model_copy(update=PATIENT)
    yard.work("--lanes", "chores", real=True)
    digits(yard)
    yard.work("--lanes", "cpu", real=True)
    unbroken = submit(yard.sessions, yard.project_id, **SPEC)
    yard.until_status(unbroken, "succeeded", within_s=180, beat=True)
    expected_bits, expected_rows = bits(yard, unbroken), rows(yard, unbroken)
    assert {run for run, _, _ in expected_rows} >= {"teacher", "student", "student.seed2", "control"}
    for _ in range(jobs):
        killed = submit(yard.sessions, yard.project_id, **SPEC)
        kill(yard, killed, times)
        yard.until_status(killed, "succeeded", within_s=180, beat=True)
        assert [attempt.exit_kind for attempt in yard.attempts(killed)] == ["signal"] * times + ["ok"]
        assert bits(yard, killed) == expected_bits
        assert rows(yard, killed) == expected_rows
    assert yard.inside() == []
    attempts = 1 + jobs * (times + 1)
    tally.add("kill -9 of the science", jobs * times, jobs=1 + jobs, attempts=attempts)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_run_killed_five_times_gives_the_same_weights_and_metric_rows(yard: Yard, tally: Tally) -> None:
    run_and_compare(yard, tally, kill_at_checkpoints, jobs=1, times=KILLS)


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(900)
def test_runs_killed_at_any_moment_give_the_same_weights_and_metric_rows(yard: Yard, tally: Tally) -> None:
    run_and_compare(yard, tally, kill_anywhere, jobs=3, times=4)
