"""Artifacts: what a job's user takes home."""

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from api import downloads
from api.dependencies import CallerDep, HouseDep, PagingDep
from api.downloads import Download
from api.openapi import problems
from api.routes.guarded import guarded_router
from api.schemas.jobs import ArtifactRead
from api.schemas.shared import Page
from ledger import queries

router = guarded_router("/v1", "artifacts")


@router.get("/jobs/{job_id}/artifacts", responses=problems(404))
def list_artifacts(job_id: str, house: HouseDep, caller: CallerDep, paging: PagingDep) -> Page[ArtifactRead]:
    """The files of a job, newest first."""
    with house.sessions.reading() as session:
        job = queries.get_job(session, caller.project_id, job_id)
        artifacts = [ArtifactRead.model_validate(row) for row in reversed(queries.artifacts(session, job.id))]
    return paging.of(artifacts, lambda artifact: artifact.id)


@router.get("/artifacts/{artifact_id}", responses=problems(404))
def get_artifact(artifact_id: str, house: HouseDep, caller: CallerDep) -> ArtifactRead:
    """One artifact."""
    with house.sessions.reading() as session:
        return ArtifactRead.model_validate(queries.get_artifact(session, caller.project_id, artifact_id))


@router.head(
    "/artifacts/{artifact_id}/content",
    response_class=Response,
    responses=downloads.HEAD_RESPONSES | problems(404),
)
@router.get(
    "/artifacts/{artifact_id}/content",
    response_class=Response,
    responses=downloads.responses("*/*") | problems(404, 416),
)
async def download_artifact(
    artifact_id: str, request: Request, house: HouseDep, caller: CallerDep
) -> Response:
    """The bytes, whole or a range of them."""
    artifact = await run_in_threadpool(get_artifact, artifact_id, house, caller)
    return await downloads.send(
        request,
        house.store,
        Download(artifact.sha256, artifact.bytes, artifact.filename, artifact.media_type),
    )
