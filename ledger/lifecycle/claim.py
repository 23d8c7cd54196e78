"""A worker takes the best waiting job."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from ledger.database import clock
from ledger.lifecycle.endings import fail
from ledger.lifecycle.history import newest_checkpoints, note
from ledger.lifecycle.hold import Hold, JobError, new_token
from ledger.matching import misfits
from ledger.resolve import document_of
from ledger.states import InputStatus, JobStatus
from ledger.tables import Attempt, Checkpoint, Dataset, Job, Model


@dataclass(frozen=True)
class Claim:
    """A job that is now the caller's, with everything that its process needs."""

    hold: Hold
    job: Job
    teacher: Model | None
    """None where the job trains its teacher itself."""
    dataset: Dataset
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
        teacher = session.get(Model, job.teacher_id) if job.teacher_id else None
        dataset = session.get_one(Dataset, job.dataset_id)
        problems = misfits(document_of(job.resolved_spec), teacher, dataset)
        if not problems:
            checkpoints = tuple(session.scalars(newest_checkpoints(job.id)))
            return Claim(hold, job, teacher, dataset, checkpoints)
        message = "; ".join(f"{problem.pointer}: {problem.detail}" for problem in problems)
        error = JobError(problems[0].code, "user", message, hint="submit a corrected job")
        fail(session, hold, error=error, exit_kind="failed", exit_code=None)


def inputs_ready() -> ColumnElement[bool]:
    """Whether a job's teacher and dataset have been inspected and found good."""
    return and_(
        or_(
            Job.teacher_id.is_(None),
            exists().where(Model.id == Job.teacher_id, Model.status == InputStatus.READY),
        ),
        exists().where(Dataset.id == Job.dataset_id, Dataset.status == InputStatus.READY),
    )


def claimable() -> ColumnElement[bool]:
    """Whether a worker may take the job now."""
    return and_(Job.status == JobStatus.QUEUED, Job.run_after <= clock(), inputs_ready())


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
