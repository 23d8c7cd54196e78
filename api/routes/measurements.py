"""What a job's attempts left: figures, logs, checkpoints."""

from itertools import groupby
from typing import Annotated

from fastapi import Query
from fastapi.responses import PlainTextResponse

from api.dependencies import CallerDep, HouseDep, PagingDep
from api.openapi import problems
from api.routes.guarded import guarded_router
from api.schemas.jobs import AttemptRead, CheckpointRead, MetricList
from api.schemas.shared import Page
from api.thinning import thin
from ledger import queries
from ledger.errors import NotFound

router = guarded_router("/v1/jobs", "measurements")


@router.get("/{job_id}/metrics", responses=problems(404))
def list_metrics(
    job_id: str,
    house: HouseDep,
    caller: CallerDep,
    names: Annotated[str | None, Query(max_length=2000, description="Separated by commas.")] = None,
    run: Annotated[str | None, Query(max_length=40)] = None,
    max_points: Annotated[
        int | None, Query(ge=1, le=10_000, description="Of each name of each run; extremes stay.")
    ] = None,
) -> MetricList:
    """Figures by run, name and step."""
    with house.sessions.reading() as session:
        job = queries.get_job(session, caller.project_id, job_id)
        rows = queries.metrics(session, job.id, names=names.split(",") if names else (), run=run)
    if max_points is not None:
        curves = groupby(rows, key=lambda row: (row.run, row.name))
        rows = [point for _, curve in curves for point in thin(list(curve), at_most=max_points, value=_value)]
    return MetricList.model_validate({"data": rows}, from_attributes=True)


def _value(row: queries.Point) -> float:
    return row.value


@router.get("/{job_id}/logs", response_class=PlainTextResponse, responses=problems(404))
def read_log(
    job_id: str,
    house: HouseDep,
    caller: CallerDep,
    attempt: Annotated[int | None, Query(ge=1, le=2**31, description="The newest one by default.")] = None,
) -> PlainTextResponse:
    """What the training process wrote, from its first line on, whatever ended it."""
    with house.sessions.reading() as session:
        job = queries.get_job(session, caller.project_id, job_id)
        if attempt is not None and attempt > job.attempt:
            raise NotFound("attempt", str(attempt))
        text = queries.log_text(session, job.id, attempt or job.attempt)
    return PlainTextResponse(text)


@router.get("/{job_id}/attempts", responses=problems(404))
def list_attempts(job_id: str, house: HouseDep, caller: CallerDep, paging: PagingDep) -> Page[AttemptRead]:
    """Every execution of the job, oldest first; an item's id is its number."""
    with house.sessions.reading() as session:
        job = queries.get_job(session, caller.project_id, job_id)
        attempts = [AttemptRead.model_validate(row) for row in queries.attempts(session, job.id)]
    return paging.of(attempts, lambda attempt: attempt.number)


@router.get("/{job_id}/checkpoints", responses=problems(404))
def list_checkpoints(
    job_id: str, house: HouseDep, caller: CallerDep, paging: PagingDep
) -> Page[CheckpointRead]:
    """The checkpoints that are kept, newest first: the newest two, and the best of a student."""
    with house.sessions.reading() as session:
        job = queries.get_job(session, caller.project_id, job_id)
        best = queries.best_checkpoint(session, job.id)
        checkpoints = [
            CheckpointRead.model_validate(row).model_copy(update={"best": row.id == best})
            for row in queries.checkpoints(session, job.id)
        ]
    return paging.of(checkpoints, lambda checkpoint: checkpoint.id)
