"""The sweep, which takes back what lost workers held: jobs and chores."""

from typing import Any

import pytest
from sqlalchemy import update

from ledger import catalog, lifecycle, queries
from ledger.database import Sessions, clock
from ledger.errors import HoldLost
from ledger.states import JobStatus, Lane
from ledger.tables import Chore, Job
from tests.ledger.builders import a_dataset, checkpoint, claimed, submitted


def expire(sessions: Sessions, **more: Any) -> list[Lane]:
    with sessions.writing() as session:
        return lifecycle.sweep.expire(session, **more)


def run_out(sessions: Sessions) -> None:
    """Every lease is over."""
    with sessions.writing() as session:
        for table in (Job, Chore):
            session.execute(
                update(table).where(table.status == "running").values(lease_expires_at=clock() - 1)
            )


def test_the_sweep_takes_back_what_a_lost_worker_held_and_names_the_lanes(
    sessions: Sessions, project_id: str
) -> None:
    declared = {"name": "more", "builtin": "digits", "task": "image-classification"}
    with sessions.writing() as session:
        catalog.register_dataset(session, project_id=project_id, declared=declared, file_id=None)
        assert lifecycle.claim_chore(session, worker="chores-1", lease_s=60) is not None
        a_dataset(session, project_id)
        job = submitted(session, project_id)
        hold = claimed(session).hold
    assert expire(sessions) == []
    run_out(sessions)
    assert expire(sessions) == [Lane.CHORES, Lane.CPU]
    assert expire(sessions) == []
    with sessions.reading() as session:
        (attempt,) = queries.attempts(session, job.id)
        assert queries.get_job(session, project_id, job.id).status == JobStatus.QUEUED
    assert attempt.exit_kind == "lost_worker"
    with pytest.raises(HoldLost), sessions.writing() as session:
        lifecycle.renew(session, hold, lease_s=60)


def test_a_job_that_loses_every_worker_fails_unless_it_makes_headway(
    sessions: Sessions, project_id: str
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        job = submitted(session, project_id)
    for attempt in range(1, 6):
        with sessions.writing() as session:
            session.execute(update(Job).values(run_after=0.0))
            hold = claimed(session).hold
            if attempt == 2:
                lifecycle.record(session, hold, checkpoint(session))
        run_out(sessions)
        expire(sessions)
        with sessions.reading() as session:
            read = queries.get_job(session, project_id, job.id)
        assert read.status == (JobStatus.FAILED if attempt == 5 else JobStatus.QUEUED)
    assert read.error is not None
    assert (read.error["code"], read.error["class"]) == ("lost_worker", "infrastructure")


def test_a_locked_home_takes_back_everything_at_once(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        submitted(session, project_id)
        claimed(session)
    assert expire(sessions) == []
    assert expire(sessions, all_held=True) == [Lane.CPU]


def test_a_renewed_lease_is_left_alone(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        submitted(session, project_id)
        hold = claimed(session).hold
    run_out(sessions)
    with sessions.writing() as session:
        lifecycle.renew(session, hold, lease_s=60)
    assert expire(sessions) == []
