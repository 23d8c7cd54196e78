"""A worker takes the best waiting job."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import Session

from distill.config.job import JobDocument
from ledger.database import clock
from ledger.inputs import Inputs, all_ready, inputs_of
from ledger.lifecycle.endings import fail
from ledger.lifecycle.history import newest_checkpoints, note
from ledger.lifecycle.hold import Hold, JobError, new_token
from ledger.matching import misfits
from ledger.resolve import document_of_job
from ledger.states import JobStatus
from ledger.tables import Attempt, Checkpoint, Job


@dataclass(frozen=True)
class Claim:
    """A job that is now the caller's, with everything that its process needs."""

    hold: Hold
    job: Job
    document: JobDocument
    """As it was submitted, with ids for names."""
    inputs: Inputs
    checkpoints: tuple[Checkpoint, ...]
    """Newest first; where the newest turns out damaged, the next one serves."""

    @property
    def checkpoint(self) -> Checkpoint | None:
        return self.checkpoints[0] if self.checkpoints else None


def claim_next(session: Session, *, lanes: Sequence[str], worker: str, lease_s: float) -> Claim | None:
    """Take the waiting job of highest priority, the oldest of these, whose inputs are ready.

    One compare-and-swap decides who wins, so a doorbell that rings twice is harmless. A job whose
    inputs turn out not to fit each other fails here, and the next one is tried.
    """
    while True:
        job = _take(session, lanes, worker, lease_s)
        if job is None:
            return None
        assert job.token is not None
        hold = Hold(job.id, job.attempt, job.token)
        session.add(Attempt(job_id=job.id, project_id=job.project_id, number=job.attempt, worker=worker))
        note(session, job, "state", {"status": JobStatus.RUNNING.value, "worker": worker})
        document = document_of_job(job)
        inputs = inputs_of(session, job)
        problems = misfits(document, inputs)
        if not problems:
            checkpoints = tuple(session.scalars(newest_checkpoints(job.id)))
            return Claim(hold, job, document, inputs, checkpoints)
        message = "; ".join(f"{problem.pointer}: {problem.detail}" for problem in problems)
        error = JobError(problems[0].code, "user", message, hint="submit a corrected job")
        fail(session, hold, error=error, exit_kind="failed", exit_code=None)


def claimable() -> ColumnElement[bool]:
    """Whether a worker may take the job now."""
    return and_(Job.status == JobStatus.QUEUED, Job.run_after <= clock(), all_ready())


def _take(session: Session, lanes: Sequence[str], worker: str, lease_s: float) -> Job | None:
    best = (
        select(Job.id)
        .where(Job.lane.in_(lanes), claimable())
        .order_by(Job.priority.desc(), Job.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Job)  # SQLite has one writer, and leaves it out
        .scalar_subquery()
    )
    return session.scalars(
        update(Job)
        .where(Job.id == best, Job.status == JobStatus.QUEUED)
        .values(
            status=JobStatus.RUNNING,
            attempt=Job.attempt + 1,
            token=new_token(),
            worker=worker,
            lease_expires_at=clock() + lease_s,
            started_at=func.coalesce(Job.started_at, clock()),
        )
        .returning(Job)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()
