"""What can be asked of a job beside reading it."""

from collections.abc import Callable
from typing import Any

from fastapi import Response
from sqlalchemy.orm import Session

from api.dependencies import CallerDep, House, HouseDep
from api.once import BodylessOnceDep
from api.openapi import problems
from api.routes.guarded import guarded_router
from api.schemas.jobs import JobRead
from api.views import show_job
from ledger import lifecycle
from ledger.lifecycle import Change

router = guarded_router("/v1/jobs", "jobs")

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The job is so already.", "model": JobRead},
    **problems(404, 409),
}


@router.post("/{job_id}/cancel", status_code=202, responses=_RESPONSES)
def cancel_job(job_id: str, house: HouseDep, caller: CallerDep, response: Response) -> JobRead:
    """Stop a job for good. A running one first writes its checkpoint, so that a retry goes on from it."""
    return _changed(house, caller.project_id, job_id, lifecycle.cancel, response)


@router.post("/{job_id}/pause", status_code=202, responses=_RESPONSES)
def pause_job(job_id: str, house: HouseDep, caller: CallerDep, response: Response) -> JobRead:
    """Set a job aside until it is resumed."""
    return _changed(house, caller.project_id, job_id, lifecycle.pause, response)


@router.post("/{job_id}/resume", status_code=202, responses=_RESPONSES)
def resume_job(job_id: str, house: HouseDep, caller: CallerDep, response: Response) -> JobRead:
    """Queue a paused job again; it goes on from its checkpoint."""
    return _changed(house, caller.project_id, job_id, lifecycle.resume, response)


@router.post("/{job_id}/retry", status_code=202, responses=_RESPONSES)
def retry_job(job_id: str, house: HouseDep, caller: CallerDep, response: Response) -> JobRead:
    """Queue a failed or cancelled job again, under its id, from its last checkpoint."""
    return _changed(house, caller.project_id, job_id, lifecycle.retry, response)


@router.post("/{job_id}/clone", status_code=201, responses=problems(404, 409))
def clone_job(
    job_id: str, once: BodylessOnceDep, house: HouseDep, caller: CallerDep, response: Response
) -> JobRead:
    """A new job with the same document and the same inputs."""
    with house.sessions.writing() as session:
        job = lifecycle.clone(session, caller.project_id, job_id)
        answer = show_job(session, job)
        location = {"Location": f"/v1/jobs/{job.id}"}
        once.keep(session, 201, answer, location)
    house.doorbell.ring(job.lane)
    response.headers.update(location)
    return answer


def _changed(
    house: House,
    project_id: str,
    job_id: str,
    verb: Callable[[Session, str, str], Change],
    response: Response,
) -> JobRead:
    """202 where something changed or will, 200 where the job is so already."""
    with house.sessions.writing() as session:
        change = verb(session, project_id, job_id)
        answer = show_job(session, change.job)
    house.doorbell.ring(change.job.lane)
    response.status_code = 202 if change.changed else 200
    return answer
