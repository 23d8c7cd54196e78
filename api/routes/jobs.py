"""Jobs: submit, plan, list, read, change, delete."""

from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from api.bodies import JsonBodyDep, checked, takes
from api.dependencies import CallerDep, House, HouseDep, PagingDep
from api.etags import version_etag, version_of
from api.once import Once, OnceDep
from api.openapi import problems
from api.planning import plan
from api.routes.guarded import guarded_router
from api.schemas.jobs import JobChange, JobRead, JobStatus, PlanRead
from api.schemas.shared import Page
from api.views import show_job, show_jobs
from api.waiting import WaitSeconds, held
from distill.config.document import DocumentInvalid, parse_job
from distill.config.job import JobDocument
from ledger import lifecycle, queries, states
from ledger.errors import SpecInvalid

router = guarded_router("/v1/jobs", "jobs")

_SUBMIT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The plan of a dry run; or the job that the `dedupe_key` names.",
        "model": JobRead | PlanRead,
    },
    **problems(409),
}
_METADATA_FILTER = {
    "parameters": [
        {
            "name": "metadata",
            "in": "query",
            "style": "deepObject",
            "explode": True,
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        }
    ]
}
_UNFINISHED = frozenset(states.JobStatus) - states.TERMINAL


async def job_document(body: JsonBodyDep) -> JobDocument:
    """The body as a job document, or everything that is wrong with it."""
    try:
        return parse_job(body.document)
    except DocumentInvalid as error:
        raise SpecInvalid(error.problems) from None


@router.post(
    "",
    status_code=201,
    response_model=JobRead,
    openapi_extra=takes(JobDocument),
    responses=_SUBMIT_RESPONSES,
)
async def submit_job(
    once: OnceDep,
    body: JsonBodyDep,
    document: Annotated[JobDocument, Depends(job_document)],
    house: HouseDep,
    caller: CallerDep,
    response: Response,
    dry_run: Annotated[bool, Query(description="Say what the job would be, and submit nothing.")] = False,
) -> JobRead | Response:
    """Submit a distillation job. Returns at once; a worker will pick it up."""
    if dry_run:
        await run_in_threadpool(once.abandon)  # nothing is created: the key stays free
        planned = await plan(house, caller.project_id, document)
        return JSONResponse(planned.model_dump(mode="json"))
    return await run_in_threadpool(_submit, house, caller.project_id, document, body.document, once, response)


def _submit(
    house: House, project_id: str, document: JobDocument, raw: dict[str, Any], once: Once, response: Response
) -> JobRead:
    with house.sessions.writing() as session:
        submission = lifecycle.submit(session, project_id=project_id, document=document, raw=raw)
        job = submission.job
        answer = show_job(session, job)
        response.status_code = 201 if submission.created else 200
        headers = {"Location": f"/v1/jobs/{job.id}", "ETag": version_etag(job)}
        once.keep(session, response.status_code, answer, headers)
    house.doorbell.ring(job.lane)  # after the commit: the worker must find the row
    response.headers.update(headers)
    return answer


@router.get("", openapi_extra=_METADATA_FILTER)
def list_jobs(
    request: Request,
    house: HouseDep,
    caller: CallerDep,
    paging: PagingDep,
    status: JobStatus | None = None,
    name: str | None = None,
) -> Page[JobRead]:
    """The project's jobs, newest first. `metadata[key]=value` keeps those whose metadata say so."""
    with house.sessions.reading() as session:
        page = queries.list_jobs(
            session,
            caller.project_id,
            limit=paging.limit,
            after=paging.after_id("job_"),
            status=status,
            name=name,
            metadata=_metadata(request),
        )
        return Page(data=show_jobs(session, page.items), has_more=page.has_more)


def _metadata(request: Request) -> dict[str, str]:
    return {
        name.removeprefix("metadata[").removesuffix("]"): value
        for name, value in request.query_params.items()
        if name.startswith("metadata[")
    }


@router.get("/{job_id}", responses=problems(404))
async def get_job(
    job_id: str, house: HouseDep, caller: CallerDep, response: Response, wait: WaitSeconds = 0
) -> JobRead:
    """One job. `wait` holds the answer until the status changes; a job that has ended answers at once."""

    def look() -> tuple[JobRead, str, str]:
        with house.sessions.reading() as session:
            job = queries.get_job(session, caller.project_id, job_id)
            response.headers["ETag"] = version_etag(job)
            return show_job(session, job), job.id, job.status

    return await held(house.watch, look, while_=_UNFINISHED, at_most_s=wait)


@router.patch("/{job_id}", openapi_extra=takes(JobChange), responses=problems(404, 412))
def change_job(
    job_id: str,
    body: Annotated[JobChange, Depends(checked(JobChange))],
    house: HouseDep,
    caller: CallerDep,
    response: Response,
    if_match: Annotated[str | None, Header(max_length=100)] = None,
) -> JobRead:
    """Change priority or metadata. With `If-Match` only if the job is still the one you read."""
    with house.sessions.writing() as session:
        job = lifecycle.amend(
            session,
            caller.project_id,
            job_id,
            priority=body.priority,
            metadata=body.metadata,
            if_match=version_of(if_match),
        )
        response.headers["ETag"] = version_etag(job)
        return show_job(session, job)


@router.delete("/{job_id}", status_code=204, responses=problems(404, 409))
def delete_job(job_id: str, house: HouseDep, caller: CallerDep) -> None:
    """Remove a job that has ended, with all that it left. A student that became a model stays."""
    with house.sessions.writing() as session:
        lifecycle.delete_job(session, caller.project_id, job_id)
