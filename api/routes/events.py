"""What happened to a job, as a list and live."""

from typing import Annotated, Any

from fastapi import Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api import event_stream
from api.dependencies import CallerDep, HouseDep
from api.media_types import chosen
from api.openapi import problems
from api.routes.guarded import guarded_router
from api.schemas.jobs import EventRead
from api.schemas.shared import Page
from ledger import queries

router = guarded_router("/v1/jobs", "events")

_EVENT_STREAM = "text/event-stream"
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events; with `Accept: text/event-stream` live, until the job has ended.",
        "content": {_EVENT_STREAM: {"schema": {"type": "string"}}},
    },
    204: {"description": "The stream has nothing to add: the job has ended with that event."},
    **problems(404, 406),
}
Number = Annotated[int, Query(ge=0, le=2**53)]


@router.get("/{job_id}/events", response_model=Page[EventRead], responses=_RESPONSES)
async def list_events(
    job_id: str,
    request: Request,
    house: HouseDep,
    caller: CallerDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[Number | None, Query(description="The id of the last event that you have.")] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=2**53)] = None,
) -> Response | Page[EventRead]:
    """As JSON the newest first, from `after` on backward; as a stream in order, from `Last-Event-ID` on.

    Ids are dense. A `metric` event holds its points, a `log` event its text.
    """

    def page() -> Page[EventRead]:
        with house.sessions.reading() as session:
            job = queries.get_job(session, caller.project_id, job_id)
            last = min(after, job.last_event + 1) - 1 if after is not None else job.last_event
            first = max(0, last - limit)
            events = queries.events_after(session, job_id, first, limit=max(last - first, 0))
            data = event_stream.show_events(session, events)
        return Page(data=data[::-1], has_more=first > 0)

    def has_more_to_tell(seen: int) -> bool:
        with house.sessions.reading() as session:
            job = queries.get_job(session, caller.project_id, job_id)
            return event_stream.has_more_to_tell(job, seen)

    if chosen(request, "application/json", _EVENT_STREAM) != _EVENT_STREAM:
        return await run_in_threadpool(page)
    seen = last_event_id or 0
    if not await run_in_threadpool(has_more_to_tell, seen):
        return Response(status_code=204)
    return StreamingResponse(
        event_stream.stream(house, caller.project_id, job_id, after=seen),
        media_type=_EVENT_STREAM,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
