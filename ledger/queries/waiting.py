"""The waiting work: what could start now, and why each of the others does not."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, func, not_, or_, select
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
    """Of some jobs of one queue."""
    of_id = {job.id: job for job in queue}
    in_turn = sorted(queue, key=lambda job: (-job.priority, job.id))
    first, last = in_turn[0], in_turn[-1]
    question = _AMONG_EQUALS if first.priority == last.priority else _AMONG_ALL
    found = session.execute(
        question,
        {
            "project_id": first.project_id,
            "lane": first.lane,
            "ids": list(of_id),
            "first_id": first.id,
            "first_priority": first.priority,
            "last_id": last.id,
            "last_priority": last.priority,
        },
    ).all()
    awaited: defaultdict[str, list[str]] = defaultdict(list)
    for row in found:
        if row.input is not None:
            awaited[row.id].append(f"its {row.part} {row.input}")
    return {
        row.id: Place(row.position, _reason(of_id[row.id], awaited[row.id], row.moment, served))
        for row in found
    }


def _before(which: str) -> ColumnElement[bool]:
    """Whether a job goes before the one that the question calls `which`."""
    id: BindParameter[str] = bindparam(f"{which}_id")
    priority: BindParameter[int] = bindparam(f"{which}_priority")
    return or_(Job.priority > priority, and_(Job.priority == priority, Job.id < id))


def _question(stretch: ColumnElement[bool]) -> Select[Any]:
    """Position and awaited inputs of `ids`, all in one stretch of their queue: those before its first
    are counted, those within it numbered."""
    of_queue = and_(
        Job.project_id == bindparam("project_id"),
        Job.lane == bindparam("lane"),
        Job.status == JobStatus.QUEUED,
    )
    ids: BindParameter[str] = bindparam("ids", expanding=True)
    ahead = select(func.count(Job.id)).where(
        of_queue, Job.priority >= bindparam("first_priority"), _before("first")
    )
    position = ahead.scalar_subquery() + func.row_number().over(order_by=_TURN)
    numbered = select(Job.id, position.label("position")).where(of_queue, stretch).subquery()
    inspecting = being_inspected(ids).subquery()
    return (
        select(numbered, clock().label("moment"), inspecting.c.part, inspecting.c.id.label("input"))
        .outerjoin_from(numbered, inspecting, numbered.c.id == inspecting.c.job_id)
        .where(numbered.c.id.in_(ids))
        .order_by(inspecting.c.part.desc(), inspecting.c.position)
    )


# Written once: they stand in the path of every submission, and cost more to write than to answer.
_AMONG_EQUALS = _question(
    and_(
        Job.priority == bindparam("first_priority"),
        Job.id.between(bindparam("first_id"), bindparam("last_id")),
    )
)
_AMONG_ALL = _question(
    and_(
        Job.priority.between(bindparam("last_priority"), bindparam("first_priority")),
        not_(_before("first")),
        or_(_before("last"), Job.id == bindparam("last_id")),
    )
)


def _reason(job: Job, awaited: Sequence[str], moment: float, served: set[str]) -> str:
    if awaited:
        return f"{' and '.join(awaited)} {'is' if len(awaited) == 1 else 'are'} being inspected"
    if job.run_after > moment:
        return f"tried again in {job.run_after - moment:.0f} s, after an attempt that broke off"
    if job.lane not in served:
        owner = " that owns a GPU" if job.lane == Lane.GPU else ""
        return f"no worker of the lane '{job.lane}'{owner} is alive; start one"
    return "waits for a free worker"
