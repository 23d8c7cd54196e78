"""A job's events as they happen: server-sent events (WHATWG HTML, section 9.2)."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.dependencies import House
from api.schemas.jobs import EventRead
from ledger import queries
from ledger.errors import LedgerError
from ledger.queries import Head, Point
from ledger.states import TERMINAL
from ledger.tables import Event, Job

_BATCH = 100
_HEARTBEAT_S = 15.0
_RECONNECT_MS = 2000


def show_events(session: Session, events: Sequence[Event]) -> list[EventRead]:
    """Events of one job, with the content of the ranges that `metric` and `log` events hold."""
    points = _points(session, events)
    return [_shown(session, event, points) for event in events]


def _shown(session: Session, event: Event, points: Mapping[str, Sequence[Point]]) -> EventRead:
    data = dict(event.data)
    if event.type == "log":
        start = data["offset"]
        data["text"] = queries.log_text(
            session, event.job_id, event.attempt, start=start, end=start + data["bytes"]
        )
    if event.type == "metric":
        data["points"] = [
            {"run": row.run, "name": row.name, "step": row.step, "value": row.value, "time": row.time}
            for of in data["ranges"]
            for row in _within(points[of["run"]], of["from_step"], of["to_step"])
        ]
    return EventRead.model_validate(
        {"id": event.number, "type": event.type, "at": event.at, "attempt": event.attempt, "data": data}
    )


def _points(session: Session, events: Sequence[Event]) -> dict[str, list[Point]]:
    """The figures of all these events by their run, in order of steps.

    They are looked up together: each look goes through all the names of a run to find a step.
    """
    spans: dict[str, tuple[int, int]] = {}
    for of in (of for event in events if event.type == "metric" for of in event.data["ranges"]):
        low, high = spans.get(of["run"], (of["from_step"], of["to_step"]))
        spans[of["run"]] = min(low, of["from_step"]), max(high, of["to_step"])
    return {
        run: sorted(
            queries.metrics(session, events[0].job_id, run=run, from_step=low, to_step=high), key=_step
        )
        for run, (low, high) in spans.items()
    }


def _within(points: Sequence[Point], from_step: int, to_step: int) -> list[Point]:
    """By name, then step."""
    first, end = bisect_left(points, from_step, key=_step), bisect_right(points, to_step, key=_step)
    return sorted(points[first:end])


def _step(point: Point) -> int:
    return point.step


def has_more_to_tell(job: Job, after: int) -> bool:
    """Whether a stream from `after` on could ever hold another event."""
    return job.status not in TERMINAL or job.last_event > after


async def stream(house: House, project_id: str, job_id: str, *, after: int) -> AsyncIterator[bytes]:
    """Every event later than number `after`, live, until the job has ended or is gone.

    A comment every 15 s keeps the connection. Between two looks at the database the stream holds no
    thread, session or connection.
    """
    yield f"retry: {_RECONNECT_MS}\n\n".encode()
    while True:
        try:
            events, ended = await run_in_threadpool(_read, house, project_id, job_id, after)
        except LedgerError:  # the job is gone, or the database away: whoever comes back is told
            return
        for event in events:
            after = event.id
            yield _frame(event)
        if ended:
            return
        if not events and not await house.watch.change(job_id, until=_later_than(after), within=_HEARTBEAT_S):
            if house.watch.closing:
                return
            yield KEEPALIVE_COMMENT


def _read(house: House, project_id: str, job_id: str, after: int) -> tuple[list[EventRead], bool]:
    """The next events, and whether they are the last ones."""
    with house.sessions.reading() as session:
        job = queries.get_job(session, project_id, job_id)
        events = show_events(session, queries.events_after(session, job_id, after, limit=_BATCH))
    last = events[-1].id if events else after
    return events, not has_more_to_tell(job, last)


def _later_than(number: int) -> Callable[[Head | None], bool]:
    def later(head: Head | None) -> bool:
        return head is None or head.last_event > number

    return later


def _frame(event: EventRead) -> bytes:
    data = json.dumps(event.model_dump(mode="json"), separators=(",", ":"))
    return format_sse_event(data_str=data, event=event.type, id=str(event.id))
