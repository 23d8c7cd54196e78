"""Requests that are held until something changes."""

import time
from collections.abc import Callable, Collection
from typing import Annotated, TypeVar

from fastapi import Query
from starlette.concurrency import run_in_threadpool

from api.watch import Watch
from ledger.queries import Head

Shown = TypeVar("Shown")

WaitSeconds = Annotated[
    int,
    Query(ge=0, le=60, description="Hold the answer until the status changes, at most this many seconds."),
]


async def held(
    watch: Watch, look: Callable[[], tuple[Shown, str, str]], *, while_: Collection[str], at_most_s: float
) -> Shown:
    """What `look` shows once its status is no longer the first one, which must be in `while_`.

    `look` gives what to show, the id to watch, and the status. Between two looks the request holds
    no thread, session or connection.
    """
    deadline = time.monotonic() + at_most_s
    shown, subject_id, status = await run_in_threadpool(look)
    first = status
    while status == first and status in while_ and (left := deadline - time.monotonic()) > 0:
        if not await watch.change(subject_id, until=_no_longer(first), within=left):
            break
        shown, subject_id, status = await run_in_threadpool(look)
    return shown


def _no_longer(status: str) -> Callable[[Head | None], bool]:
    return lambda head: head is None or head.status != status
