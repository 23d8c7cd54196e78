"""What a user may ask of a job: at once where nobody runs it, else a wish that its worker sees."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ledger.aliases import require_unnamed
from ledger.blobs import release
from ledger.database import now
from ledger.errors import NotAllowedNow, PreconditionFailed
from ledger.lifecycle.history import locked_job, turn
from ledger.resolve import require_worker
from ledger.states import ACTIONS, TERMINAL, JobStatus
from ledger.tables import Artifact, Checkpoint, Job, Model


@dataclass(frozen=True)
class Change:
    job: Job
    changed: bool
    """False where the job is already what was asked for."""


def cancel(session: Session, project_id: str, job_id: str) -> Change:
    """Stop the job for good; its last checkpoint stays for a retry.

    Raises:
        NotFound: the project has no such job.
        NotAllowedNow: it has ended otherwise.
    """
    job = locked_job(session, project_id, job_id)
    match job.status:
        case JobStatus.CANCELLED:
            return Change(job, changed=False)
        case JobStatus.RUNNING:
            job.cancel_requested_at = job.cancel_requested_at or now(session)
        case JobStatus.QUEUED | JobStatus.PAUSED:
            job.finished_at = now(session)
            turn(session, job, JobStatus.CANCELLED)
        case _:
            raise _not_now(job, "cancelled")
    return Change(job, changed=True)


def pause(session: Session, project_id: str, job_id: str) -> Change:
    """Set the job aside, with its checkpoint, until it is resumed.

    Raises:
        NotFound: the project has no such job.
        NotAllowedNow: it has ended, or is being cancelled.
    """
    job = locked_job(session, project_id, job_id)
    match job.status:
        case JobStatus.PAUSED:
            return Change(job, changed=False)
        case JobStatus.RUNNING if job.cancel_requested_at is None:
            job.pause_requested_at = job.pause_requested_at or now(session)
        case JobStatus.QUEUED:
            turn(session, job, JobStatus.PAUSED)
        case _:
            raise _not_now(job, "paused")
    return Change(job, changed=True)


def resume(session: Session, project_id: str, job_id: str) -> Change:
    """Queue a paused job again; it goes on from its checkpoint.

    Raises:
        NotFound: the project has no such job.
        NotAllowedNow: it is not paused.
    """
    job = locked_job(session, project_id, job_id)
    match job.status:
        case JobStatus.QUEUED:
            return Change(job, changed=False)
        case JobStatus.PAUSED:
            job.run_after = 0.0
            turn(session, job, JobStatus.QUEUED)
        case _:
            raise _not_now(job, "resumed")
    return Change(job, changed=True)


def retry(session: Session, project_id: str, job_id: str) -> Change:
    """Queue a failed or cancelled job again, under its id, with a fresh budget of attempts and time.

    Raises:
        NotFound: the project has no such job.
        NotAllowedNow: it has not failed, or another job has taken over its `dedupe_key`.
        SpecInvalid: there is no worker any more that could run it.
    """
    job = locked_job(session, project_id, job_id)
    match job.status:
        case JobStatus.QUEUED:
            return Change(job, changed=False)
        case JobStatus.FAILED | JobStatus.CANCELLED:
            require_worker(session, job.lane)
            job.fruitless_attempts = job.memory_kills = 0
            job.running_s = 0.0
            job.run_after = 0.0
            job.error = None
            job.finished_at = None
            try:
                with session.begin_nested():
                    turn(session, job, JobStatus.QUEUED)
            except IntegrityError:
                detail = f"another job has the dedupe_key {job.dedupe_key!r}; clone this one instead"
                raise NotAllowedNow(job.status, ACTIONS[JobStatus(job.status)], detail) from None
        case _:
            raise _not_now(job, "retried")
    return Change(job, changed=True)


def amend(
    session: Session,
    project_id: str,
    job_id: str,
    *,
    priority: int | None = None,
    metadata: dict[str, Any] | None = None,
    if_match: int | None = None,
) -> Job:
    """Change what may change after the submit. None leaves a field as it is.

    Raises:
        NotFound: the project has no such job.
        PreconditionFailed: `if_match` is not the job's version.
    """
    job = locked_job(session, project_id, job_id)
    if if_match is not None and if_match != job.version:
        raise PreconditionFailed(f"the job is at version {job.version}; read it again")
    if priority is not None:
        job.priority = priority
    if metadata is not None:
        job.user_metadata = metadata
    if session.is_modified(job):
        job.version += 1
    return job


def delete_job(session: Session, project_id: str, job_id: str) -> None:
    """Remove a job that has ended, with everything that it left; a registered student stays.

    Raises:
        NotFound: the project has no such job.
        NotAllowedNow: it has not ended.
        InUse: an alias points to its student.
    """
    job = locked_job(session, project_id, job_id)
    if job.status not in TERMINAL:
        raise _not_now(job, "deleted")
    require_unnamed(session, Model.job_id == job.id, "the student of this job")
    for table in (Artifact, Checkpoint):
        for owner_id in session.scalars(select(table.id).where(table.job_id == job.id)):
            release(session, owner_id)
    session.delete(job)


def _not_now(job: Job, wish: str) -> NotAllowedNow:
    if job.status == JobStatus.RUNNING and job.cancel_requested_at is not None:
        what = "is being cancelled"
    elif job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED):
        what = f"has {job.status}"
    else:
        what = f"is {job.status}"
    return NotAllowedNow(job.status, ACTIONS[JobStatus(job.status)], f"a job that {what} cannot be {wish}")
