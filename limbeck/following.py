"""A job's events, live: server-sent events, and plain questions where those do not get through."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import cast

import httpx

from limbeck.objects import TERMINAL, Event
from limbeck.transport import Transport

_SILENCE_S = 45.0
"""Three missed heartbeats."""
_OVER = 204
"""Said instead of a stream that would have nothing to add."""
_PATIENCE = 2
"""Streams in a row that may end without an event before the client only asks."""


def events(transport: Transport, job: str, *, after: int = 0) -> Iterator[Event]:
    """Every event later than number `after` of the job at the address `job`, in order, until it is over.

    A lost stream is taken up again after the last event seen. Where streams bring nothing, as
    behind some proxies, the events are asked for instead.
    """
    fruitless = 0
    while fruitless < _PATIENCE:
        fruitless += 1
        try:
            with _stream(transport, job, after) as response:
                if response.status_code == _OVER:
                    return
                for event in _events(response):
                    fruitless, after = 0, event["id"]
                    yield event
        except httpx.TransportError:
            continue
    yield from _asked(transport, job, after)


def _stream(transport: Transport, job: str, after: int) -> AbstractContextManager[httpx.Response]:
    headers = {"Accept": "text/event-stream"}
    if after:
        headers["Last-Event-ID"] = str(after)
    return transport.stream(f"{job}/events", headers=headers, silence=_SILENCE_S)


def _events(response: httpx.Response) -> Iterator[Event]:
    if response.headers.get("Content-Type", "").startswith("text/event-stream"):
        yield from parse(response.iter_lines())


def parse(lines: Iterator[str]) -> Iterator[Event]:
    """The events in a stream of lines (WHATWG HTML, 9.2.6); comments are heartbeats."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in fields and "id" in fields:
                yield _event(fields)
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value


def _event(fields: dict[str, str]) -> Event:
    """An event as the list of events shows it, whether or not `data` holds the whole of it."""
    data = json.loads(fields["data"])
    if isinstance(data, dict) and {"id", "type", "data"} <= data.keys():
        return cast(Event, data)
    return {"id": int(fields["id"]), "type": fields.get("event", "message"), "data": data}


def _asked(transport: Transport, job: str, after: int) -> Iterator[Event]:
    """The same events by `GET`, holding a request open between two looks."""
    while True:
        found = transport.request("GET", job, params={"wait": 2}, waits=2, retry_for=float("inf")).json()
        for event in _listed(transport, job, after):
            after = event["id"]
            yield event
        if found["status"] in TERMINAL:
            return


def _listed(transport: Transport, job: str, after: int) -> list[Event]:
    """Events later than `after`, oldest first; the service lists the newest first."""
    found: list[Event] = []
    cursor: int | None = None
    while True:
        page = transport.request("GET", f"{job}/events", params={"limit": 100, "after": cursor}).json()
        fresh = [event for event in page["data"] if event["id"] > after]
        found.extend(fresh)
        if not page["has_more"] or len(fresh) < len(page["data"]):
            return sorted(found, key=lambda event: event["id"])
        cursor = page["data"][-1]["id"]
