"""The waiting work: what could start now, and why each of the others does not."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlalchemy.orm import Session

from ledger.database import clock
from ledger.inputs import being_inspected
from ledger.lifecycle.claim import claimable
from ledger.queries.objects import Page, get_job
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


def list_queue(session: Session, project_id: str, *, limit: int, after: str | None = None) -> Page[Job]:
    """The waiting jobs of a project, lane by lane, the next one first.

    Raises:
        NotFound: the project has no such job to go on after.
    """
    query = select(Job).where(Job.project_id == project_id, Job.status == JobStatus.QUEUED)
    if after is not None:
        last = get_job(session, project_id, after)
        later = or_(
            Job.priority < last.priority,
            and_(Job.priority == last.priority, Job.id > last.id),
        )
        query = query.where(Job.lane >= last.lane, or_(Job.lane > last.lane, later))
    jobs = session.scalars(query.order_by(Job.lane, *_TURN).limit(limit + 1)).all()
    return Page(list(jobs[:limit]), has_more=len(jobs) > limit)


def queue_position(session: Session, job: Job) -> Place | None:
    """None where the job does not wait."""
    return queue_places(session, [job]).get(job.id)


def queue_places(session: Session, jobs: Iterable[Job]) -> dict[str, Place]:
    """The places of those jobs that wait, by their ids. Many cost no more questions than one."""
    queues: defaultdict[tuple[str, str], list[Job]] = defaultdict(list)
    for job in jobs:
        if job.status == JobStatus.QUEUED:
            queues[job.project_id, job.lane].append(job)
    if not queues:
        return {}
    served = {lane for worker in list_workers(session) for lane in worker.lanes}
    places: dict[str, Place] = {}
    for queue in queues.values():
        places |= _places(session, queue, served)
    return places


_TURN = (Job.priority.desc(), Job.id)


def _places(session: Session, queue: Sequence[Job], served: set[str]) -> dict[str, Place]:
    """Of some jobs of one queue: those before the first of them are counted once."""
    in_turn = sorted(queue, key=lambda job: (-job.priority, job.id))
    first, last = in_turn[0], in_turn[-1]
    of_queue = and_(
        Job.project_id == first.project_id, Job.lane == first.lane, Job.status == JobStatus.QUEUED
    )
    ahead = select(func.count(Job.id)).where(of_queue, Job.priority >= first.priority, _before(first))
    position = ahead.scalar_subquery() + func.row_number().over(order_by=_TURN)
    among = select(Job.id, position.label("position")).where(of_queue, _from_to(first, last)).subquery()
    ids = [job.id for job in queue]
    inspecting = being_inspected(ids).subquery()
    # One question for all of it: this stands in the path of every submission.
    found = session.execute(
        select(among, clock().label("moment"), inspecting.c.part, inspecting.c.id.label("input"))
        .outerjoin_from(among, inspecting, among.c.id == inspecting.c.job_id)
        .where(among.c.id.in_(ids))
        .order_by(inspecting.c.part.desc(), inspecting.c.position)
    ).all()
    awaited: defaultdict[str, list[str]] = defaultdict(list)
    for row in found:
        if row.input is not None:
            awaited[row.id].append(f"its {row.part} {row.input}")
    of_id = {job.id: job for job in queue}
    return {
        row.id: Place(row.position, _reason(of_id[row.id], awaited[row.id], row.moment, served))
        for row in found
    }


def _before(job: Job) -> ColumnElement[bool]:
    return or_(Job.priority > job.priority, and_(Job.priority == job.priority, Job.id < job.id))


def _from_to(first: Job, last: Job) -> ColumnElement[bool]:
    """From one job of a queue to another; a stretch of its index where both have the same priority."""
    if first.priority == last.priority:
        return and_(Job.priority == first.priority, Job.id.between(first.id, last.id))
    bounded = Job.priority.between(last.priority, first.priority)
    return and_(bounded, not_(_before(first)), or_(_before(last), Job.id == last.id))


def _reason(job: Job, awaited: Sequence[str], moment: float, served: set[str]) -> str:
    if awaited:
        return f"{' and '.join(awaited)} {'is' if len(awaited) == 1 else 'are'} being inspected"
    if job.run_after > moment:
        return f"tried again in {job.run_after - moment:.0f} s, after an attempt that broke off"
    if job.lane not in served:
        owner = " that owns a GPU" if job.lane == Lane.GPU else ""
        return f"no worker of the lane '{job.lane}'{owner} is alive; start one"
    return "waits for a free worker"
