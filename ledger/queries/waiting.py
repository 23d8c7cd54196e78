"""The waiting work: what could start now, and why each of the others does not."""

from dataclasses import dataclass

from sqlalchemy import func, or_, select, true
from sqlalchemy.orm import Session

from ledger.database import clock
from ledger.inputs import being_inspected
from ledger.lifecycle.claim import claimable
from ledger.states import ChoreStatus, JobStatus, Lane
from ledger.tables import Chore, Job
from ledger.workers import list_workers


@dataclass(frozen=True)
class Place:
    """Where a job stands among the waiting jobs of its project, 1 being next, and why it waits."""

    position: int
    reason: str


def waiting(session: Session) -> dict[Lane, int]:
    """How much work could be claimed now, by lane; lanes without any are left out."""
    by_lane = select(Job.lane, func.count()).where(claimable()).group_by(Job.lane)
    counts = {Lane(lane): count for lane, count in session.execute(by_lane)}
    chores = session.scalars(
        select(func.count())
        .select_from(Chore)
        .where(Chore.status == ChoreStatus.QUEUED, Chore.run_after <= clock())
    ).one()
    return {**counts, Lane.CHORES: chores} if chores else counts


def free_slots(session: Session) -> dict[Lane, int]:
    """How much more work the living workers could run now, by lane. A slot that several lanes share
    counts in each of them."""
    free: dict[Lane, int] = {}
    for worker in list_workers(session):
        busy = sum(
            session.scalars(
                select(func.count()).where(table.worker == worker.name, table.status == running)
            ).one()
            for table, running in ((Job, JobStatus.RUNNING), (Chore, ChoreStatus.RUNNING))
        )
        for lane in map(Lane, worker.lanes):
            slots = min(worker.slots, len(worker.devices)) if lane is Lane.GPU else worker.slots
            free[lane] = free.get(lane, 0) + max(0, slots - busy)
    return free


def queue_position(session: Session, job: Job) -> Place | None:
    """None where the job does not wait."""
    if job.status != JobStatus.QUEUED:
        return None
    ahead = select(func.count(Job.id)).where(
        Job.project_id == job.project_id,
        Job.lane == job.lane,
        Job.status == JobStatus.QUEUED,
        or_(Job.priority > job.priority, (Job.priority == job.priority) & (Job.id < job.id)),
    )
    # One question for all of it: this stands in the path of every submission.
    this = select(ahead.scalar_subquery().label("ahead"), clock().label("moment")).subquery()
    inspecting = being_inspected(job).subquery()
    found = session.execute(
        select(this.c.ahead, this.c.moment, inspecting.c.part, inspecting.c.id)
        .outerjoin_from(this, inspecting, true())
        .order_by(inspecting.c.part.desc(), inspecting.c.position)
    ).all()
    awaited = [f"its {row.part} {row.id}" for row in found if row.id is not None]
    return Place(found[0].ahead + 1, _reason(session, job, awaited, job.run_after - found[0].moment))


def _reason(session: Session, job: Job, awaited: list[str], delay_s: float) -> str:
    if awaited:
        return f"{' and '.join(awaited)} {'is' if len(awaited) == 1 else 'are'} being inspected"
    if delay_s > 0:
        return f"tried again in {delay_s:.0f} s, after an attempt that broke off"
    if not any(job.lane in worker.lanes for worker in list_workers(session)):
        owner = " that owns a GPU" if job.lane == Lane.GPU else ""
        return f"no worker of the lane '{job.lane}'{owner} is alive; start one"
    return "waits for a free worker"
