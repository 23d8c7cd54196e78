"""Every change of a job's state, one at a time."""

from itertools import pairwise

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from ledger import lifecycle, queries, workers
from ledger.database import Sessions, clock
from ledger.errors import HoldLost, NotAllowedNow, NotFound, PreconditionFailed, SpecInvalid
from ledger.identifiers import new_id
from ledger.lifecycle import Hold, KeptArtifact
from ledger.states import ACTIONS, TERMINAL, TRANSITIONS, JobStatus
from ledger.tables import Artifact, Attempt, Checkpoint, Job, Reference
from tests.ledger.builders import (
    CRASH,
    checkpoint,
    claimed,
    crash,
    finished,
    kept_blob,
    story,
)


def read(sessions: Sessions, job: Job) -> Job:
    with sessions.reading() as session:
        return queries.get_job(session, job.project_id, job.id)


def test_a_submitted_job_is_queued_and_says_so_in_event_one(sessions: Sessions, job: Job) -> None:
    with sessions.reading() as session:
        assert story(session, job.id) == [(1, "state", "queued")]
    assert read(sessions, job).status == JobStatus.QUEUED


def test_a_claim_starts_an_attempt_under_a_lease_and_a_fresh_token(sessions: Sessions, job: Job) -> None:
    with sessions.writing() as session:
        claim = claimed(session, lease_s=60)
    running = read(sessions, job)
    assert (running.status, running.attempt, running.token) == ("running", 1, claim.hold.token)
    with sessions.reading() as session:
        remaining = session.query(Job.lease_expires_at - clock()).scalar()
        assert 50 < remaining <= 60
        assert story(session, job.id)[-1] == (2, "state", "running")
    crash(sessions, claim.hold)
    with sessions.writing() as session:
        again = claimed(session)
    assert again.hold.attempt == 2
    assert again.hold.token != claim.hold.token


def test_a_running_job_without_a_lease_cannot_be_stored(sessions: Sessions, job: Job, hold: Hold) -> None:
    with pytest.raises(IntegrityError), sessions.writing() as session:
        session.execute(update(Job).where(Job.id == job.id).values(lease_expires_at=None))


def test_a_job_that_ends_well_keeps_its_artifacts_and_its_result(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    with sessions.writing() as session:
        kept = KeptArtifact(
            "student", "safetensors", "s.safetensors", "application/octet-stream", kept_blob(session, "s"), 1
        )
        lifecycle.succeed(session, hold, finished=finished(), artifacts=[kept])
    with sessions.reading() as session:
        done = queries.get_job(session, job.project_id, job.id)
        (artifact,) = queries.artifacts(session, job.id)
        (attempt,) = queries.attempts(session, job.id)
        assert session.get(Reference, (artifact.id, artifact.sha256)) is not None
    assert (done.status, done.conclusion, done.token, done.lease_expires_at) == (
        "succeeded",
        "no_gate",
        None,
        None,
    )
    assert done.finished_at is not None
    assert done.result == finished().result
    assert (attempt.exit_kind, attempt.exit_code) == ("ok", 0)


@pytest.mark.parametrize("late", ["renew", "record", "look", "succeed", "fail", "requeue", "stopped"])
@pytest.mark.parametrize("why", ["another attempt", "wrong token", "it has ended"])
def test_a_worker_that_lost_its_job_can_write_nothing(
    sessions: Sessions, job: Job, hold: Hold, late: str, why: str
) -> None:
    if why == "another attempt":
        crash(sessions, hold)
        with sessions.writing() as session:
            claimed(session, worker="w2")
    elif why == "wrong token":
        hold = Hold(hold.id, hold.attempt, "0" * 32)
    else:
        with sessions.writing() as session:
            lifecycle.stopped(session, hold, wish="pause", exit_code=11)
    before = read(sessions, job)
    verbs = {
        "renew": lambda session: lifecycle.renew(session, hold, lease_s=60),
        "record": lambda session: lifecycle.record(session, hold, checkpoint(session)),
        "look": lambda session: lifecycle.look(session, hold),
        "succeed": lambda session: lifecycle.succeed(session, hold, finished=finished(), artifacts=[]),
        "fail": lambda session: lifecycle.fail(session, hold, error=CRASH, exit_kind="failed", exit_code=10),
        "requeue": lambda session: lifecycle.requeue(
            session, hold, exit_kind="signal", exit_code=-9, counted=True
        ),
        "stopped": lambda session: lifecycle.stopped(session, hold, wish="cancel", exit_code=11),
    }
    with pytest.raises(HoldLost), sessions.writing() as session:
        verbs[late](session)
    after = read(sessions, job)
    assert (after.status, after.attempt, after.last_event, after.lease_expires_at) == (
        before.status,
        before.attempt,
        before.last_event,
        before.lease_expires_at,
    )


@pytest.mark.parametrize(("wish", "status"), [("cancel", "cancelled"), ("pause", "paused")])
def test_a_wish_reaches_the_worker_with_its_renewal(
    sessions: Sessions, job: Job, hold: Hold, wish: str, status: str
) -> None:
    with sessions.writing() as session:
        assert lifecycle.renew(session, hold, lease_s=60) is None
        asked = getattr(lifecycle, wish)(session, job.project_id, job.id)
        assert asked.changed
        assert asked.job.status == "running"
    with sessions.writing() as session:
        assert lifecycle.look(session, hold) == wish
        assert lifecycle.renew(session, hold, lease_s=60) == wish
        ended = lifecycle.stopped(session, hold, wish=wish, exit_code=11)
    assert ended.status == status
    assert ended.cancel_requested_at is None
    assert ended.pause_requested_at is None


def test_cancel_outweighs_pause(sessions: Sessions, job: Job, hold: Hold) -> None:
    with sessions.writing() as session:
        lifecycle.pause(session, job.project_id, job.id)
        lifecycle.cancel(session, job.project_id, job.id)
        assert lifecycle.renew(session, hold, lease_s=60) == "cancel"
    with pytest.raises(NotAllowedNow, match="being cancelled"), sessions.writing() as session:
        lifecycle.pause(session, job.project_id, job.id)


def test_a_cancel_that_comes_while_the_job_is_being_paused_is_not_lost(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    with sessions.writing() as session:
        lifecycle.pause(session, job.project_id, job.id)
        lifecycle.cancel(session, job.project_id, job.id)
        ended = lifecycle.stopped(session, hold, wish="pause", exit_code=11)
    assert ended.status == "cancelled"


def test_a_lease_that_is_over_is_no_loss_until_somebody_takes_the_job(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    with sessions.writing() as session:
        session.execute(update(Job).values(lease_expires_at=clock() - 3600))
        lifecycle.record(session, hold, checkpoint(session))
        assert lifecycle.renew(session, hold, lease_s=60) is None
        assert lifecycle.sweep.expire(session) == []
        assert lifecycle.succeed(session, hold, finished=finished(), artifacts=[]).status == "succeeded"


def test_pause_and_resume_without_a_worker_are_immediate(sessions: Sessions, job: Job) -> None:
    with sessions.writing() as session:
        assert lifecycle.pause(session, job.project_id, job.id).job.status == "paused"
        assert not lifecycle.pause(session, job.project_id, job.id).changed
        assert lifecycle.claim_next(session, lanes=["cpu"], worker="w", lease_s=60) is None
        assert lifecycle.resume(session, job.project_id, job.id).job.status == "queued"
        assert not lifecycle.resume(session, job.project_id, job.id).changed
        assert lifecycle.cancel(session, job.project_id, job.id).job.status == "cancelled"
        assert not lifecycle.cancel(session, job.project_id, job.id).changed


def test_a_refusal_names_what_is_allowed_instead(sessions: Sessions, job: Job, hold: Hold) -> None:
    with sessions.writing() as session:
        lifecycle.succeed(session, hold, finished=finished(), artifacts=[])
    for verb in (lifecycle.cancel, lifecycle.pause, lifecycle.resume, lifecycle.retry):
        with pytest.raises(NotAllowedNow) as refused, sessions.writing() as session:
            verb(session, job.project_id, job.id)
        assert refused.value.allowed_actions == ACTIONS[JobStatus.SUCCEEDED]


def test_a_clone_runs_the_same_document_as_a_job_of_its_own(sessions: Sessions, job: Job, hold: Hold) -> None:
    with pytest.raises(NotAllowedNow), sessions.writing() as session:
        lifecycle.clone(session, job.project_id, job.id)
    with sessions.writing() as session:
        lifecycle.succeed(session, hold, finished=finished(), artifacts=[])
        copy = lifecycle.clone(session, job.project_id, job.id)
        assert copy.id != job.id
        assert copy.resolved_spec == job.resolved_spec
        assert story(session, copy.id) == [(1, "state", "queued")]
        assert claimed(session).job.id == copy.id


def test_neither_a_clone_nor_a_retry_may_wait_for_a_worker_that_never_comes(
    sessions: Sessions, job: Job
) -> None:
    with sessions.writing() as session:
        lifecycle.cancel(session, job.project_id, job.id)
        workers.announce(
            session, name="w", lanes=["gpu"], slots=1, devices=["0"], memory_bytes=1, sandbox="limits"
        )
    for verb in (lifecycle.clone, lifecycle.retry):
        with (
            pytest.raises(SpecInvalid, match="every worker here runs jobs on GPUs alone"),
            sessions.writing() as session,
        ):
            verb(session, job.project_id, job.id)
    assert read(sessions, job).status == "cancelled"


def test_an_amendment_changes_the_version_and_respects_if_match(sessions: Sessions, job: Job) -> None:
    with sessions.writing() as session:
        amended = lifecycle.amend(session, job.project_id, job.id, priority=7, if_match=1)
        assert (amended.priority, amended.version) == (7, 2)
        same = lifecycle.amend(session, job.project_id, job.id, priority=7)
        assert same.version == 2
    with pytest.raises(PreconditionFailed), sessions.writing() as session:
        lifecycle.amend(session, job.project_id, job.id, metadata={"a": "b"}, if_match=1)


def test_deleting_a_job_frees_everything_that_it_left(sessions: Sessions, job: Job, hold: Hold) -> None:
    with pytest.raises(NotAllowedNow), sessions.writing() as session:
        lifecycle.delete_job(session, job.project_id, job.id)
    with sessions.writing() as session:
        lifecycle.record(session, hold, checkpoint(session))
        log = KeptArtifact("log", "text", "log.txt", "text/plain", kept_blob(session, "log"), 3)
        lifecycle.succeed(session, hold, finished=finished(), artifacts=[log])
        lifecycle.delete_job(session, job.project_id, job.id)
    with sessions.reading() as session:
        for table in (Job, Attempt, Artifact, Checkpoint, Reference):
            assert session.query(table).count() == 0


def test_another_project_finds_no_job_to_change(sessions: Sessions, job: Job, other_project_id: str) -> None:
    for verb in (
        lifecycle.cancel,
        lifecycle.pause,
        lifecycle.resume,
        lifecycle.retry,
        lifecycle.clone,
        lifecycle.delete_job,
        lifecycle.amend,
    ):
        with pytest.raises(NotFound), sessions.writing() as session:
            verb(session, other_project_id, job.id)
    with pytest.raises(NotFound), sessions.writing() as session:
        lifecycle.cancel(session, job.project_id, new_id("job_"))


def test_no_step_leads_out_of_success_and_every_action_has_a_step() -> None:
    assert TRANSITIONS[JobStatus.SUCCEEDED] == frozenset()
    for status in TERMINAL:
        assert "delete" in ACTIONS[status]
    for before, after in pairwise([JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED, JobStatus.QUEUED]):
        assert after in TRANSITIONS[before]
