"""A worker takes the best waiting job: of the project whose turn it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, func, select, union_all, update
from sqlalchemy.orm import Session, aliased

from distill.config.job import JobDocument
from ledger.database import clock
from ledger.inputs import Inputs, all_ready, inputs_of
from ledger.lifecycle.endings import fail
from ledger.lifecycle.history import newest_checkpoints, note
from ledger.lifecycle.hold import Hold, JobError, new_token
from ledger.matching import misfits
from ledger.resolve import document_of_job
from ledger.states import JobStatus
from ledger.tables import Attempt, Checkpoint, Job, Project


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
    """Take a waiting job whose inputs are ready: of the project that has the fewest running in these
    lanes (of equals, that was served longest ago) the one of highest priority, the oldest of these.

    One compare-and-swap decides who wins, so a doorbell that rings twice is harmless. A job whose
    inputs turn out not to fit each other fails here, and the next one is tried.
    """
    while True:
        job = _take_fairly(session, lanes, worker, lease_s)
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
            checkpoints = tuple(session.scalars(newest_checkpoints(job.id))) if job.attempt > 1 else ()
            return Claim(hold, job, document, inputs, checkpoints)
        message = "; ".join(f"{problem.pointer}: {problem.detail}" for problem in problems)
        first = problems[0]
        error = JobError(
            first.code, "user", message, hint="submit a corrected job", pointer=first.pointer or None
        )
        fail(session, hold, error=error, exit_kind="failed", exit_code=None)


def claimable() -> ColumnElement[bool]:
    """Whether a worker may take the job now."""
    return and_(Job.status == JobStatus.QUEUED, Job.run_after <= clock(), all_ready())


def _take_fairly(session: Session, lanes: Sequence[str], worker: str, lease_s: float) -> Job | None:
    """Ask the projects in turn: who is first in one may be taken, or go, between the two questions."""
    for project_id, lane in _turns(session, lanes):
        job = _take(session, project_id, lane, worker, lease_s)
        if job is not None:
            return job
    return None


def _turns(session: Session, lanes: Sequence[str]) -> list[tuple[str, str]]:
    """The projects that have something to run, with the lane of their first job: those with the fewest
    running jobs first, of equals the one that was served longest ago."""
    other = aliased(Job)
    running = select(func.count(other.id)).where(
        other.project_id == Job.project_id, other.lane.in_(lanes), other.status == JobStatus.RUNNING
    )
    served_at = select(func.max(Attempt.started_at)).where(Attempt.project_id == Job.project_id)
    first_of_each = union_all(
        *(
            select(_first(Project.id, lane).correlate(Project).scalar_subquery()).select_from(Project)
            for lane in lanes
        )
    )
    # Asked for beforehand: PostgreSQL cannot tell how few they are, and would read every job there is.
    ids = [id for id in session.scalars(first_of_each) if id is not None]
    if not ids:
        return []
    firsts = session.execute(
        select(
            Job.project_id,
            Job.lane,
            running.scalar_subquery(),
            func.coalesce(served_at.scalar_subquery(), 0.0),
        )
        .where(Job.id.in_(ids))
        .order_by(Job.priority.desc(), Job.id)
    ).all()
    turns = sorted(firsts, key=lambda first: first[2:])
    return [(project_id, lane) for project_id, lane, *_ in turns]


def _first(project_id: SQLColumnExpression[str] | str, lane: str) -> Select[str]:
    """The job of a project that is next in a lane."""
    return (
        select(Job.id)
        .where(Job.project_id == project_id, Job.lane == lane, claimable())
        .order_by(Job.priority.desc(), Job.id)
        .limit(1)
    )


def _take(session: Session, project_id: str, lane: str, worker: str, lease_s: float) -> Job | None:
    best = (
        _first(project_id, lane)
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
