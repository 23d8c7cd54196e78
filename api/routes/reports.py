"""The report of a finished job, in the form that is asked for."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import Request, Response

from api.dependencies import CallerDep, House, HouseDep
from api.media_types import chosen
from api.openapi import problems
from api.problems import Problem
from api.report.junit import junit
from api.report.markdown import markdown
from api.report.page import POLICY, page
from api.report.subject import File, Subject
from api.routes.guarded import guarded_router
from ledger import queries
from ledger.tables import Artifact, Job

router = guarded_router("/v1/jobs", "reports")

_JSON = "application/json"
_RENDERINGS: dict[str, Callable[[Mapping[str, Any], Subject], str]] = {
    "text/html": page,
    "text/markdown": markdown,
    "application/xml": junit,
}
_MEDIA_TYPES = {"json": _JSON, "html": "text/html", "md": "text/markdown", "xml": "application/xml"}
_THERE_ARE = "There are report.json, report.html, report.md and report.xml (JUnit)."
_CONTENT = {
    "description": "The report.",
    "content": {
        _JSON: {"schema": {"type": "object"}},
        **{media_type: {"schema": {"type": "string"}} for media_type in _RENDERINGS},
    },
}


@router.get(
    "/{job_id}/report",
    response_class=Response,
    responses={200: _CONTENT, **problems(404, 406, 409)},
)
def get_report(job_id: str, request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """What was asked and what came out, by `Accept`: as JSON, as a page, as Markdown, or as JUnit with a
    case for each gate and each export."""
    return _report(house, caller.project_id, job_id, chosen(request, *_MEDIA_TYPES.values()))


@router.get(
    "/{job_id}/report.{suffix}",
    response_class=Response,
    responses={200: _CONTENT, **problems(404, 409)},
)
def get_report_by_suffix(job_id: str, suffix: str, house: HouseDep, caller: CallerDep) -> Response:
    """The same, by suffix: `report.json`, `report.html`, `report.md` or `report.xml`."""
    if suffix not in _MEDIA_TYPES:
        raise Problem(404, "not_found", _THERE_ARE)
    return _report(house, caller.project_id, job_id, _MEDIA_TYPES[suffix])


def _report(house: House, project_id: str, job_id: str, media_type: str) -> Response:
    stored, subject = _stored(house, project_id, job_id)
    body = stored
    if media_type in _RENDERINGS:
        body = _RENDERINGS[media_type](json.loads(stored), subject).encode()
    headers = {"Vary": "Accept", "Cache-Control": "private", "X-Content-Type-Options": "nosniff"}
    if media_type == "text/html":
        headers["Content-Security-Policy"] = POLICY
    return Response(body, media_type=media_type, headers=headers)


def _stored(house: House, project_id: str, job_id: str) -> tuple[bytes, Subject]:
    """The bytes of `report.json`, and what they are about.

    Raises:
        Problem: 409, the job has no report.
    """
    with house.sessions.reading() as session:
        job = queries.get_job(session, project_id, job_id)
        artifacts = queries.artifacts(session, job.id)
        subject = _subject(job, artifacts)
    report = next((each for each in artifacts if (each.kind, each.format) == ("report", "json")), None)
    if report is None:
        raise Problem(409, "no_report", f"A report is written when a job succeeds; this one is {job.status}.")
    return b"".join(house.store.open_stream(report.sha256)), subject


def _subject(job: Job, artifacts: list[Artifact]) -> Subject:
    return Subject(
        job.id,
        job.conclusion,
        _moment(job.finished_at),
        [File(each.kind, each.format, each.filename, each.bytes, each.sha256) for each in artifacts],
    )


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
