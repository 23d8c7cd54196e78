"""The report of a finished job, in the form that is asked for."""

import json

from fastapi import Request, Response

from api.dependencies import CallerDep, House, HouseDep
from api.media_types import chosen
from api.openapi import problems
from api.problems import Problem
from api.report.markdown import markdown
from api.routes.guarded import guarded_router
from ledger import queries

router = guarded_router("/v1/jobs", "reports")

_JSON, _MARKDOWN = "application/json", "text/markdown"
_MEDIA_TYPES = {"json": _JSON, "md": _MARKDOWN}
_LATER = ("html", "xml")
_CONTENT = {
    "description": "The report.",
    "content": {_JSON: {"schema": {"type": "object"}}, _MARKDOWN: {"schema": {"type": "string"}}},
}


@router.get(
    "/{job_id}/report",
    response_class=Response,
    responses={200: _CONTENT, **problems(404, 406, 409)},
)
def get_report(job_id: str, request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """What was asked and what came out, as JSON or Markdown, by `Accept`."""
    return _report(house, caller.project_id, job_id, chosen(request, _JSON, _MARKDOWN))


@router.get(
    "/{job_id}/report.{suffix}",
    response_class=Response,
    responses={200: _CONTENT, **problems(404, 409)},
)
def get_report_by_suffix(job_id: str, suffix: str, house: HouseDep, caller: CallerDep) -> Response:
    """The same, by suffix: `report.json` or `report.md`."""
    if suffix in _LATER:
        raise Problem(
            404,
            "not_available_yet",
            f"report.{suffix} is not available in this version yet; there are report.json and report.md.",
        )
    if suffix not in _MEDIA_TYPES:
        raise Problem(404, "not_found", "There are report.json and report.md.")
    return _report(house, caller.project_id, job_id, _MEDIA_TYPES[suffix])


def _report(house: House, project_id: str, job_id: str, media_type: str) -> Response:
    stored = _stored(house, project_id, job_id)
    body = markdown(json.loads(stored), job_id=job_id).encode() if media_type == _MARKDOWN else stored
    return Response(body, media_type=media_type, headers={"Vary": "Accept", "Cache-Control": "private"})


def _stored(house: House, project_id: str, job_id: str) -> bytes:
    """The bytes of `report.json`.

    Raises:
        Problem: 409, the job has no report.
    """
    with house.sessions.reading() as session:
        job = queries.get_job(session, project_id, job_id)
        artifacts = queries.artifacts(session, job.id)
    report = next((each for each in artifacts if (each.kind, each.format) == ("report", "json")), None)
    if report is None:
        raise Problem(409, "no_report", f"A report is written when a job succeeds; this one is {job.status}.")
    return b"".join(house.store.open_stream(report.sha256))
