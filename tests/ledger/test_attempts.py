"""One job, several attempts: what counts, what waits, and what the next one goes on from."""

import pytest
from sqlalchemy import update

from ledger import identifiers, lifecycle, queries
from ledger.database import Sessions, clock
from ledger.lifecycle import Hold
from ledger.tables import Attempt, Job, Reference
from tests.ledger.builders import (
    CRASH,
    checkpoint,
    claimed,
    crash,
)


def test_a_crash_is_tried_again_at_once_and_then_backed_off(sessions: Sessions, job: Job, hold: Hold) -> None:
    waits = []
    for _ in range(2):
        crashed = crash(sessions, hold, delay_s=10.0)
        with sessions.writing() as session:
            waits.append(crashed.run_after - session.query(clock()).scalar())
            session.execute(update(Job).values(run_after=0.0))
            hold = claimed(session).hold
    assert waits[0] < 0
    assert 8 < waits[1] <= 10


def test_a_job_in_back_off_is_not_claimed_before_its_time(sessions: Sessions, job: Job, hold: Hold) -> None:
    crash(sessions, hold)
    with sessions.writing() as session:
        hold = claimed(session).hold
    crash(sessions, hold, delay_s=60.0)
    with sessions.writing() as session:
        assert lifecycle.claim_next(session, lanes=["cpu"], worker="w", lease_s=60) is None
        session.execute(update(Job).values(run_after=clock() - 1))
        assert claimed(session).hold.attempt == 3


def test_a_job_fails_after_max_attempts_in_a_row_without_a_checkpoint(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    for attempt in (1, 2, 3):
        crashed = crash(sessions, hold, delay_s=0.0)
        assert crashed.status == ("failed" if attempt == 3 else "queued")
        if attempt < 3:
            with sessions.writing() as session:
                hold = claimed(session).hold
    assert crashed.error == CRASH.as_dict()
    assert crashed.error["class"] == "infrastructure"


def test_an_attempt_that_added_a_checkpoint_starts_the_count_again(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    for attempt in range(1, 7):
        if attempt % 2 == 0:
            with sessions.writing() as session:
                lifecycle.record(session, hold, checkpoint(session, step=attempt))
        crashed = crash(sessions, hold, delay_s=0.0)
        assert crashed.status == "queued"
        assert crashed.fruitless_attempts == attempt % 2
        with sessions.writing() as session:
            hold = claimed(session).hold
    assert hold.attempt == 7


def test_a_drained_attempt_does_not_count_but_its_number_stays_used(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    for _ in range(4):
        with sessions.writing() as session:
            drained = lifecycle.stopped(session, hold, wish="drain", exit_code=11)
            assert (drained.status, drained.fruitless_attempts) == ("queued", 0)
            hold = claimed(session).hold
    assert hold.attempt == 5
    with sessions.reading() as session:
        kinds = [attempt.exit_kind for attempt in queries.attempts(session, job.id)]
    assert kinds == ["drained"] * 4 + [None]


@pytest.mark.parametrize(("wish", "status"), [("cancel", "cancelled"), ("pause", "paused")])
def test_a_crash_while_a_wish_is_open_grants_it(
    sessions: Sessions, job: Job, hold: Hold, wish: str, status: str
) -> None:
    with sessions.writing() as session:
        getattr(lifecycle, wish)(session, job.project_id, job.id)
    assert crash(sessions, hold).status == status


def test_retry_keeps_the_id_and_the_checkpoint_and_gives_a_fresh_budget(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    with sessions.writing() as session:
        lifecycle.record(session, hold, checkpoint(session, step=40))
        session.execute(update(Attempt).values(started_at=clock() - 3600))
        assert lifecycle.fail(session, hold, error=CRASH, exit_kind="timeout", exit_code=11).running_s > 3599
        retried = lifecycle.retry(session, job.project_id, job.id).job
        assert (retried.id, retried.error, retried.finished_at) == (job.id, None, None)
        assert (retried.fruitless_attempts, retried.running_s) == (0, 0.0)
        claim = claimed(session)
    assert claim.hold.attempt == 2
    assert claim.checkpoint is not None
    assert claim.checkpoint.step == 40


def test_only_the_two_newest_checkpoints_are_kept(sessions: Sessions, job: Job, hold: Hold) -> None:
    for step in (1, 2, 3, 4):
        with sessions.writing() as session:
            lifecycle.record(session, hold, checkpoint(session, step=step))
    with sessions.reading() as session:
        assert [one.step for one in queries.checkpoints(session, job.id)] == [4, 3]
        assert session.query(Reference).count() == 2


def test_the_newest_checkpoint_is_that_of_the_last_attempt_whatever_the_clocks_of_the_workers(
    sessions: Sessions, job: Job, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.writing() as session:
        lifecycle.record(session, hold, checkpoint(session, step=1))
        lifecycle.record(session, hold, checkpoint(session, step=2))
    crash(sessions, hold)
    with sessions.writing() as session:
        hold = claimed(session).hold
    an_hour_ago = identifiers.time.time_ns() - 3600 * 10**9
    monkeypatch.setattr(identifiers.time, "time_ns", lambda: an_hour_ago)
    with sessions.writing() as session:
        lifecycle.record(session, hold, checkpoint(session, step=3))
    crash(sessions, hold)
    with sessions.writing() as session:
        assert [one.step for one in claimed(session).checkpoints] == [3, 2]


def test_the_seconds_of_all_attempts_add_up(sessions: Sessions, job: Job, hold: Hold) -> None:
    with sessions.writing() as session:
        session.execute(update(Attempt).values(started_at=clock() - 100.0))
    assert 99 < crash(sessions, hold).running_s < 110
    with sessions.writing() as session:
        hold = claimed(session).hold
        session.execute(update(Attempt).where(Attempt.number == 2).values(started_at=clock() - 100.0))
    assert 199 < crash(sessions, hold).running_s < 220


def killed_for_memory(sessions: Sessions, hold: Hold) -> Job:
    with sessions.writing() as session:
        return lifecycle.requeue(
            session, hold, exit_kind="oom_host", exit_code=-9, counted=True, error=TOO_LARGE
        )


TOO_LARGE = lifecycle.JobError("out_of_memory", "resource", "the machine was out of memory", retryable=True)


def test_a_job_that_is_killed_for_memory_twice_without_headway_fails_before_its_attempts_are_used_up(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    assert killed_for_memory(sessions, hold).status == "queued"
    with sessions.writing() as session:
        hold = claimed(session).hold
    failed = killed_for_memory(sessions, hold)
    assert (failed.status, failed.fruitless_attempts) == ("failed", 2)
    assert failed.error == TOO_LARGE.as_dict()
    with sessions.writing() as session:
        lifecycle.retry(session, job.project_id, job.id)
        hold = claimed(session).hold
    assert killed_for_memory(sessions, hold).status == "queued"


def test_kills_for_memory_with_a_checkpoint_between_them_never_fail_a_job(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    for attempt in range(1, 6):
        if attempt % 2 == 0:
            with sessions.writing() as session:
                lifecycle.record(session, hold, checkpoint(session, step=attempt))
        assert killed_for_memory(sessions, hold).status == "queued"
        with sessions.writing() as session:
            hold = claimed(session).hold


def test_a_kill_for_memory_and_a_lost_worker_are_not_two_kills(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    killed_for_memory(sessions, hold)
    with sessions.writing() as session:
        hold = claimed(session).hold
    assert crash(sessions, hold, delay_s=0.0).status == "queued"
