"""A job's story: dense event numbers, and the one way a state changes."""

from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from ledger.database import now
from ledger.errors import NotFound
from ledger.states import TERMINAL, TRANSITIONS, JobStatus
from ledger.tables import Attempt, Checkpoint, Event, Job


def locked_job(session: Session, project_id: str, job_id: str) -> Job:
    """The job, held against every other writer until the transaction ends.

    Raises:
        NotFound: the project has no such job.
    """
    job = session.scalars(
        select(Job)
        .where(Job.project_id == project_id, Job.id == job_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if job is None:
        raise NotFound("job", job_id)
    return job


def note(session: Session, job: Job, type: str, data: dict[str, Any]) -> int:
    """Write one event and return its number.

    The number comes from an update of the job's row, which stays locked until the commit: so the
    order of numbers is the order of commits, without a gap.
    """
    number = session.scalars(
        update(Job)
        .where(Job.id == job.id)
        .values(last_event=Job.last_event + 1)
        .returning(Job.last_event)
        .execution_options(synchronize_session=False)
    ).one()
    set_committed_value(job, "last_event", number)
    session.add(
        Event(
            job_id=job.id,
            project_id=job.project_id,
            number=number,
            type=type,
            attempt=job.attempt,
            data=data,
        )
    )
    session.flush()
    return number


def newest_checkpoints(job_id: str) -> Select[Checkpoint]:
    """The job's checkpoints, newest first: by what the ledger counted, for ids carry the clocks of
    the machines that made them."""
    newest_first = (Checkpoint.attempt.desc(), Checkpoint.created_at.desc(), Checkpoint.id.desc())
    return select(Checkpoint).where(Checkpoint.job_id == job_id).order_by(*newest_first)


def best_checkpoint(session: Session, job_id: str) -> str | None:
    """The id of the checkpoint in which a student did best on the validation split; of equals the newest."""
    of_students = newest_checkpoints(job_id).where(
        Checkpoint.figure.is_not(None), Checkpoint.run.startswith("student")
    )
    best = max(session.scalars(of_students), key=lambda one: one.figure or 0.0, default=None)
    return None if best is None else best.id


def turn(session: Session, job: Job, status: JobStatus, **why: Any) -> None:
    """Change the job's state and write the event that says so."""
    assert status in TRANSITIONS[JobStatus(job.status)], f"{job.status} -> {status}"
    job.status = status
    note(session, job, "state", {"status": status.value, **why})


def leave_running(
    session: Session,
    job: Job,
    status: JobStatus,
    *,
    exit_kind: str,
    exit_code: int | None,
    **why: Any,
) -> None:
    """End the current attempt: its row, the hold, the time it took, and the state that follows."""
    moment = now(session)
    attempt = session.get_one(Attempt, (job.id, job.attempt))
    attempt.ended_at = moment
    attempt.exit_kind = exit_kind
    attempt.exit_code = exit_code
    job.running_s += max(0.0, moment - attempt.started_at)
    job.token = None
    job.worker = None
    job.lease_expires_at = None
    job.phase = None
    job.phases = [_ended(phase, status, moment) for phase in job.phases]
    if status in TERMINAL:
        job.finished_at = moment
    job.cancel_requested_at = None
    job.pause_requested_at = None
    turn(session, job, status, exit_kind=exit_kind, **why)


def _ended(phase: dict[str, Any], status: JobStatus, moment: float) -> dict[str, Any]:
    if phase["status"] != "running":
        return phase
    outcome = {JobStatus.SUCCEEDED: "done", JobStatus.FAILED: "failed"}.get(status, "stopped")
    return {**phase, "status": outcome, "ended_at": moment}
