import json

import httpx

from limbeck import following
from limbeck.objects import Event
from tests.limbeck.service import FakeService


def event(number: int, kind: str = "phase", **data: object) -> Event:
    return {"id": number, "type": kind, "data": data}


LAST = event(3, "state", status="succeeded")
OVER = httpx.Response(204)


def stream(*events: Event) -> httpx.Response:
    lines = [": heartbeat", ""]
    for sent in events:
        lines += [f"id: {sent['id']}", f"event: {sent['type']}", f"data: {json.dumps(sent)}", ""]
    return httpx.Response(
        200, text="\n".join([*lines, ""]), headers={"Content-Type": "text/event-stream; charset=utf-8"}
    )


def listed(*events: Event) -> httpx.Response:
    return httpx.Response(200, json={"data": [*reversed(events)], "has_more": False})


def job(status: str) -> httpx.Response:
    return httpx.Response(200, json={"id": "job_1", "status": status})


def test_events_come_in_order_until_the_job_is_over() -> None:
    service = FakeService(stream(event(1), event(2), LAST), OVER)

    assert list(service.client().jobs.events("job_1")) == [event(1), event(2), LAST]


def test_a_stream_that_ends_early_is_taken_up_after_the_last_event() -> None:
    service = FakeService(stream(event(1), event(2)), stream(LAST), OVER)

    assert [found["id"] for found in service.client().jobs.events("job_1")] == [1, 2, 3]
    assert service.requests[1].headers["Last-Event-ID"] == "2"


def test_a_job_that_failed_and_was_retried_is_followed_to_its_last_end() -> None:
    failed = event(1, "state", status="failed")
    service = FakeService(stream(failed, event(2)), stream(LAST), OVER)

    assert [found["id"] for found in service.client().jobs.events("job_1")] == [1, 2, 3]


def test_where_streams_bring_nothing_the_events_are_asked_for() -> None:
    buffered = httpx.Response(200, text="", headers={"Content-Type": "text/html"})
    service = FakeService(
        buffered,
        httpx.Response(200, text="", headers={"Content-Type": "text/html"}),
        job("running"),
        listed(event(1), event(2)),
        job("succeeded"),
        listed(event(1), event(2), LAST),
    )

    assert [found["id"] for found in service.client().jobs.events("job_1")] == [1, 2, 3]


def test_data_over_several_lines_is_one_value_and_comments_are_none() -> None:
    lines = [": hello", "id: 7", "event: log", 'data: {"text":', 'data:  "two"}', "", "data: lost", ""]

    assert list(following.parse(iter(lines))) == [{"id": 7, "type": "log", "data": {"text": "two"}}]
