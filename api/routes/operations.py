"""The queue and the workers."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.dependencies import CallerDep, HouseDep, PagingDep
from api.routes.guarded import guarded_router
from api.schemas.operations import QueuedJob, WorkerRead
from api.schemas.shared import Page
from ledger import queries
from ledger.states import JobStatus
from ledger.tables import Job
from ledger.workers import list_workers

router = guarded_router("/v1", "operations")


@router.get("/queue")
def show_queue(house: HouseDep, caller: CallerDep, paging: PagingDep) -> Page[QueuedJob]:
    """Every job of the project that waits, the next one first, and what each waits for."""
    with house.sessions.reading() as session:
        # Ids alone: ten thousand documents would be read for the sake of twenty.
        waiting = session.scalars(
            select(Job.id)
            .where(Job.project_id == caller.project_id, Job.status == JobStatus.QUEUED)
            .order_by(Job.lane, Job.priority.desc(), Job.id)
        ).all()
        page = paging.of(waiting, str)
        jobs = [session.get_one(Job, id) for id in page.data]
        return Page(data=[_queued(session, job) for job in jobs], has_more=page.has_more)


def _queued(session: Session, job: Job) -> QueuedJob:
    place = queries.queue_position(session, job)
    assert place is not None, "only queued jobs are asked for"
    return QueuedJob(
        id=job.id,
        name=job.name,
        status="queued",
        lane=job.lane,
        priority=job.priority,
        position=place.position,
        reason=place.reason,
        created_at=datetime.fromtimestamp(job.created_at, UTC),
    )


@router.get("/workers")
def show_workers(house: HouseDep, paging: PagingDep) -> Page[WorkerRead]:
    """The workers that were heard of lately."""
    with house.sessions.reading() as session:
        workers = [WorkerRead.model_validate(worker) for worker in list_workers(session)]
    return paging.of(workers, lambda worker: worker.name)
