"""The queue, the workers and the health of the service."""

from typing import Literal

from api.schemas.jobs import JobStatus
from api.schemas.shared import Moment, Read


class QueuedJob(Read):
    """A waiting job. `position` counts within its lane; 1 is next."""

    id: str
    name: str
    status: JobStatus
    lane: str
    priority: int
    position: int
    reason: str
    created_at: Moment


class WorkerRead(Read):
    name: str
    lanes: list[str]
    slots: int
    devices: list[str]
    memory_bytes: int
    sandbox: str
    started_at: Moment
    seen_at: Moment


class Health(Read):
    status: Literal["ok"] = "ok"


class WorkerHealth(Read):
    name: str
    lanes: list[str]
    sandbox: str
    """`bubblewrap`, or `limits` where user namespaces are not to be had."""


class Readiness(Read):
    """Every check passed; else the answer is a problem with the same members."""

    status: Literal["ready"] = "ready"
    checks: dict[str, str]
    """`ok` for each of database, broker and store."""
    workers: list[WorkerHealth]
    """Those heard of lately. None is no hindrance: work waits."""
