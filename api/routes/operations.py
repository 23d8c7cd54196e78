"""The queue and the workers."""

from datetime import UTC, datetime

from api.dependencies import CallerDep, HouseDep, PagingDep
from api.openapi import problems
from api.routes.guarded import guarded_router
from api.schemas.operations import QueuedJob, WorkerRead
from api.schemas.shared import Page
from ledger import queries
from ledger.tables import Job
from ledger.workers import list_workers

router = guarded_router("/v1", "operations")


@router.get("/queue", responses=problems(404))
def show_queue(house: HouseDep, caller: CallerDep, paging: PagingDep) -> Page[QueuedJob]:
    """Every job of the project that waits, the next one first, and what each waits for."""
    with house.sessions.reading() as session:
        page = queries.list_queue(
            session, caller.project_id, limit=paging.limit, after=paging.after_id("job_")
        )
        places = queries.queue_places(session, page.items)
        waiting = [_queued(job, places[job.id]) for job in page.items if job.id in places]
        return Page(data=waiting, has_more=page.has_more)


def _queued(job: Job, place: queries.Place) -> QueuedJob:
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
