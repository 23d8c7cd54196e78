"""What nobody else will put right: leases that ran out, and jobs whose inputs were rejected."""

from sqlalchemy import or_, select, true
from sqlalchemy.orm import Session

from ledger.database import clock
from ledger.lifecycle.chores import put_chore_back
from ledger.lifecycle.endings import put_back
from ledger.lifecycle.hold import JobError
from ledger.lifecycle.rejected import fail_jobs_with_rejected_inputs
from ledger.states import ChoreStatus, JobStatus, Lane
from ledger.tables import Chore, Job

_LOST = JobError(
    "lost_worker",
    "infrastructure",
    "the worker was lost before the job came to a checkpoint",
    hint="look at the workers' machines, then retry",
    retryable=True,
)


def expire(session: Session, *, retry_delay_s: float = 10.0, all_held: bool = False) -> list[Lane]:
    """Take back work whose lease is over, and fail jobs that wait for a rejected input.

    `all_held` takes back all running work, lease or no lease: for a home that is locked, so that
    nobody else can be at it. Returns the lanes in which work waits again.
    """
    lanes: list[Lane] = []
    over = true() if all_held else or_(Job.lease_expires_at.is_(None), Job.lease_expires_at < clock())
    for job in session.scalars(
        select(Job)
        .where(Job.status == JobStatus.RUNNING, over)
        .order_by(Job.id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ):
        put_back(
            session,
            job,
            exit_kind="lost_worker",
            exit_code=None,
            counted=True,
            error=_LOST,
            delay_s=retry_delay_s,
        )
        if job.status == JobStatus.QUEUED:
            lanes.append(Lane(job.lane))
    over = true() if all_held else or_(Chore.lease_expires_at.is_(None), Chore.lease_expires_at < clock())
    for chore in session.scalars(
        select(Chore)
        .where(Chore.status == ChoreStatus.RUNNING, over)
        .order_by(Chore.id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ):
        put_chore_back(session, chore, counted=True)
        if chore.status == ChoreStatus.QUEUED:
            lanes.append(Lane.CHORES)
    fail_jobs_with_rejected_inputs(session)
    return sorted(set(lanes))
