"""A job's events: a list, and a stream that is live, in order and ends."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from ledger import lifecycle
from ledger.database import Sessions
from ledger.lifecycle import Flush
from tests.api.seeds import LOG, World
from tests.ledger import builders

LIVE = {"Accept": "text/event-stream"}


def frames(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line and "id" in fields:
            yield fields
            fields = {}


def test_events_are_listed_newest_first_with_what_they_point_to(client: TestClient, world: World):
    page = client.get(f"/v1/jobs/{world.job_id}/events", params={"limit": 100}).json()
    events = page["data"]

    assert [event["id"] for event in events] == list(range(len(events), 0, -1))
    assert page["has_more"] is False
    by_type = {event["type"]: event["data"] for event in events}
    assert by_type["log"]["text"] == LOG
    assert [point["step"] for point in by_type["metric"]["points"]] == list(range(1, 51))
    assert by_type["checkpoint"]["id"] == world.checkpoint_id
    assert by_type["warning"]["code"] == "term_ignored"


def test_events_are_listed_part_by_part(client: TestClient, world: World):
    seen: list[int] = []
    after: dict[str, int] = {}
    while True:
        page = client.get(f"/v1/jobs/{world.job_id}/events", params={"limit": 3, **after}).json()
        seen += [event["id"] for event in page["data"]]
        if not page["has_more"]:
            break
        after = {"after": seen[-1]}

    assert seen == list(range(len(seen), 0, -1))
    assert len(seen) > 3


def test_a_stream_tells_all_in_order_and_closes_after_the_end(client: TestClient, world: World):
    answer = client.get(f"/v1/jobs/{world.job_id}/events", headers=LIVE)

    told = list(frames(iter(answer.text.splitlines())))
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert [int(frame["id"]) for frame in told] == list(range(1, len(told) + 1))
    assert told[-1]["event"] == "state"
    assert json.loads(told[-1]["data"])["data"]["status"] == "succeeded"


def test_a_stream_goes_on_after_the_last_event_that_was_seen(client: TestClient, world: World):
    answer = client.get(f"/v1/jobs/{world.job_id}/events", headers={**LIVE, "Last-Event-ID": "3"})

    assert next(frames(iter(answer.text.splitlines())))["id"] == "4"


def test_a_stream_with_nothing_more_to_tell_says_so_for_good(client: TestClient, world: World):
    last = client.get(f"/v1/jobs/{world.job_id}/events").json()["data"][0]["id"]

    answer = client.get(f"/v1/jobs/{world.job_id}/events", headers={**LIVE, "Last-Event-ID": str(last)})

    assert answer.status_code == 204


def test_a_stream_that_is_not_to_be_had_is_a_406(client: TestClient, world: World):
    answer = client.get(f"/v1/jobs/{world.job_id}/events", headers={"Accept": "image/png"})

    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_what_happens_is_told_while_it_happens(live: httpx.Client, sessions: Sessions, world: World):
    address = f"/v1/jobs/{world.queued_job_id}/events"
    with live.stream("GET", address, headers=LIVE) as answer:
        told = frames(answer.iter_lines())
        assert json.loads(next(told)["data"])["data"] == {"status": "queued"}
        with sessions.writing() as session:
            hold = builders.claimed(session).hold
        assert json.loads(next(told)["data"])["data"]["status"] == "running"
        with sessions.writing() as session:
            lifecycle.record(session, hold, Flush(log=b"a line\n"))
        assert json.loads(next(told)["data"])["data"]["text"] == "a line\n"
        with sessions.writing() as session:
            lifecycle.succeed(session, hold, finished=builders.finished(), artifacts=[])
        assert json.loads(next(told)["data"])["data"]["status"] == "succeeded"
        assert list(told) == []


def test_silence_is_filled_with_heartbeats(live: httpx.Client, world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.event_stream._HEARTBEAT_S", 0.05)
    with live.stream("GET", f"/v1/jobs/{world.queued_job_id}/events", headers=LIVE) as answer:
        lines = answer.iter_lines()
        assert sum(line.startswith(":") for line in (next(lines) for _ in range(20))) >= 2


def test_a_stream_ends_when_its_job_is_deleted(live: httpx.Client, world: World):
    address = f"/v1/jobs/{world.queued_job_id}"
    with live.stream("GET", f"{address}/events", headers=LIVE) as answer:
        told = frames(answer.iter_lines())
        next(told)
        live.post(f"{address}/cancel").raise_for_status()
        live.delete(address)
        assert len(list(told)) <= 1


def test_a_waiting_request_is_held_until_the_status_changes(
    app: FastAPI, live: httpx.Client, sessions: Sessions, world: World
):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(live.get, f"/v1/jobs/{world.queued_job_id}?wait=25")
        _until_watched(app)
        assert not waiting.done()
        with sessions.writing() as session:
            builders.claimed(session)
        assert waiting.result(20).json()["status"] == "running"


def test_a_wait_for_a_job_that_has_ended_answers_at_once(client: TestClient, world: World):
    began = time.monotonic()
    assert client.get(f"/v1/jobs/{world.job_id}?wait=60").json()["status"] == "succeeded"
    assert client.get(f"/v1/models/{world.model_id}?wait=60").json()["status"] == "ready"
    assert time.monotonic() - began < 30


def test_a_wait_that_is_over_shows_the_job_as_it_is(client: TestClient, world: World):
    assert client.get(f"/v1/jobs/{world.queued_job_id}?wait=1").json()["status"] == "queued"


@pytest.mark.parametrize("wait", ["-1", "61", "soon"])
def test_a_wait_has_its_limits(client: TestClient, world: World, wait: str):
    assert client.get(f"/v1/jobs/{world.job_id}?wait={wait}").status_code == 422


def test_many_waiting_requests_leave_room_for_others(app: FastAPI, live: httpx.Client, world: World):
    with ThreadPoolExecutor(50) as pool:
        waiting = [
            pool.submit(live.get, f"/v1/jobs/{world.queued_job_id}?wait=50", timeout=60) for _ in range(50)
        ]
        _until_watched(app, 50)
        assert live.get(f"/v1/jobs/{world.job_id}").status_code == 200
        assert live.post(f"/v1/jobs/{world.queued_job_id}/pause").status_code == 202
        assert {future.result(40).json()["status"] for future in waiting} == {"paused"}


def test_a_closing_process_lets_everybody_go(live: httpx.Client, app: FastAPI, world: World):
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(live.get, f"/v1/jobs/{world.queued_job_id}?wait=50", timeout=60)
        stream = pool.submit(live.get, f"/v1/jobs/{world.queued_job_id}/events", headers=LIVE, timeout=60)
        _until_watched(app, 2)

        app.state.house.watch.close_soon()

        assert waiting.result(10).json()["status"] == "queued"
        assert stream.result(10).text.count("event: state") == 1


def _until_watched(app: FastAPI, waiters: int = 1) -> None:
    """Until so many requests wait."""
    watch = app.state.house.watch
    deadline = time.monotonic() + 30
    while sum(map(len, list(watch._waiters.values()))) < waiters:
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
