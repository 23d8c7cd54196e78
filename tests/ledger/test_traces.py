"""What goes of a job that has ended, when it goes, and what never does."""

from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ledger import lifecycle, queries
from ledger.database import Sessions, clock
from ledger.lifecycle import Flush, Hold
from ledger.tables import Artifact, Chore, Event, Job, LogChunk, Metric, Reference
from ledger.traces import Policy, retire
from tests.ledger.builders import checkpoint, claimed, finished, kept_blob, measured

DAY = 86_400.0
FOR_EVER = Policy(events_s=1e9, metrics_s=1e9, logs_s=1e9, checkpoints_s=1e9)


@pytest.fixture
def ended(sessions: Sessions, job: Job, hold: Hold) -> Job:
    """A job that left something of each kind, and ended two days ago."""
    with sessions.writing() as session:
        flush = checkpoint(session)
        lifecycle.record(session, hold, replace(flush, metrics=(measured(1, 0.5),), log=b"hello\n"))
        kept = lifecycle.KeptArtifact("log", "text", "log.txt", "text/plain", kept_blob(session, "log"), 3)
        lifecycle.succeed(session, hold, finished=finished(), artifacts=[kept])
    age(sessions, days=2)
    return job


def age(sessions: Sessions, *, days: float) -> None:
    with sessions.writing() as session:
        session.execute(update(Job).values(finished_at=clock() - days * DAY))


def left(sessions: Sessions, job: Job) -> dict[str, int]:
    with sessions.reading() as session:
        counts = {
            table.__tablename__: session.scalar(
                select(func.count()).select_from(table).where(table.job_id == job.id)
            )
            for table in (Event, Metric, LogChunk, Artifact)
        }
        return {**counts, "checkpoints": len(queries.checkpoints(session, job.id))}


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        ("events_s", "events"),
        ("metrics_s", "metrics"),
        ("logs_s", "log_chunks"),
        ("checkpoints_s", "checkpoints"),
    ],
)
def test_each_kind_goes_when_its_own_time_is_over_and_a_second_time_nothing_does(
    sessions: Sessions, ended: Job, kind: str, table: str
) -> None:
    before = left(sessions, ended)
    assert retire(sessions, replace(FOR_EVER, **{kind: 3 * DAY})) == 0
    assert left(sessions, ended) == before
    assert retire(sessions, replace(FOR_EVER, **{kind: DAY})) == 1
    assert left(sessions, ended) == {**before, table: 1 if table == "events" else 0}
    assert retire(sessions, replace(FOR_EVER, **{kind: DAY})) == 0


def test_the_last_event_stays_so_that_whoever_follows_learns_of_the_end(
    sessions: Sessions, ended: Job
) -> None:
    retire(sessions, replace(FOR_EVER, events_s=DAY))
    with sessions.reading() as session:
        (last,) = queries.events_after(session, ended.id)
    assert (last.type, last.data["status"]) == ("state", "succeeded")


def test_the_bytes_of_a_checkpoint_that_went_are_needed_by_nobody(sessions: Sessions, ended: Job) -> None:
    retire(sessions, replace(FOR_EVER, checkpoints_s=DAY))
    with sessions.reading() as session:
        owners = session.scalars(select(Reference.owner_id)).all()
    assert not [owner for owner in owners if owner.startswith("ckpt_")]
    assert [owner for owner in owners if owner.startswith("art_")]


def test_a_job_that_has_not_ended_loses_nothing_however_old_it_is(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    with sessions.writing() as session:
        lifecycle.record(session, hold, checkpoint(session))
        lifecycle.record(session, hold, Flush(metrics=(measured(1, 0.5),)))
        lifecycle.pause(session, job.project_id, job.id)
        lifecycle.stopped(session, hold, wish="pause", exit_code=11)
        session.execute(update(Job).values(created_at=0.0, started_at=1.0))
    before = left(sessions, job)
    assert retire(sessions, Policy(0.0, 0.0, 0.0, 0.0)) == 0
    assert left(sessions, job) == before


def test_a_job_that_is_tried_again_keeps_its_checkpoint(sessions: Sessions, job: Job, hold: Hold) -> None:
    with sessions.writing() as session:
        lifecycle.record(session, hold, checkpoint(session, step=7))
        lifecycle.fail(
            session,
            hold,
            error=lifecycle.JobError("x", "user", "m"),
            exit_kind="failed",
            exit_code=10,
        )
    age(sessions, days=2)
    with sessions.writing() as session:
        lifecycle.retry(session, job.project_id, job.id)
    retire(sessions, replace(FOR_EVER, checkpoints_s=DAY))
    with sessions.writing() as session:
        found = claimed(session).checkpoint
    assert found is not None
    assert found.step == 7


def test_a_job_that_is_tried_again_in_the_last_moment_keeps_its_checkpoint_too(
    sessions: Sessions, job: Job, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.writing() as session:
        lifecycle.record(session, hold, checkpoint(session, step=7))
        lifecycle.stopped(session, hold, wish="cancel", exit_code=11)
    age(sessions, days=2)
    writing = sessions.writing

    def after_a_retry() -> AbstractContextManager[Session]:
        monkeypatch.undo()
        with writing() as session:
            lifecycle.retry(session, job.project_id, job.id)
        return writing()

    monkeypatch.setattr(sessions, "writing", after_a_retry)
    assert retire(sessions, replace(FOR_EVER, checkpoints_s=DAY)) == 1  # it was chosen before
    assert left(sessions, job)["checkpoints"] == 1


def test_chores_that_were_answered_long_ago_are_forgotten(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        for id, status, finished_at in (("chr_1", "done", 1.0), ("chr_2", "queued", None)):
            session.add(
                Chore(
                    id=id,
                    project_id=project_id,
                    kind="plan",
                    request={},
                    status=status,
                    finished_at=finished_at,
                )
            )
    retire(sessions, replace(FOR_EVER, events_s=DAY))
    with sessions.reading() as session:
        assert session.scalars(select(Chore.id)).all() == ["chr_2"]
