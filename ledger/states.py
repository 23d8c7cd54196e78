"""The states of a job, and which steps lead from one to another."""

from enum import StrEnum


class JobStatus(StrEnum):
    QUEUED = "queued"
    """Waiting for a worker, or for its inputs to be inspected."""
    RUNNING = "running"
    """A worker holds its lease."""
    PAUSED = "paused"
    """Stopped by wish, with its checkpoint; waits to be resumed."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})

TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    # Straight to failed: an input that the job waits for was rejected.
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.PAUSED, JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.RUNNING: frozenset(
        {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.PAUSED, JobStatus.QUEUED}
    ),
    JobStatus.PAUSED: frozenset({JobStatus.QUEUED, JobStatus.CANCELLED}),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),
    JobStatus.SUCCEEDED: frozenset(),
}

ACTIONS: dict[JobStatus, tuple[str, ...]] = {
    JobStatus.QUEUED: ("cancel", "pause"),
    JobStatus.RUNNING: ("cancel", "pause"),
    JobStatus.PAUSED: ("resume", "cancel"),
    JobStatus.SUCCEEDED: ("clone", "delete"),
    JobStatus.FAILED: ("retry", "clone", "delete"),
    JobStatus.CANCELLED: ("retry", "clone", "delete"),
}
"""What a user may ask of a job in each state."""


class ChoreStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class InputStatus(StrEnum):
    """A model's or a dataset's."""

    INSPECTING = "inspecting"
    READY = "ready"
    REJECTED = "rejected"


class Lane(StrEnum):
    """The queues of work; also the names of the Celery queues."""

    CHORES = "chores"
    CPU = "cpu"
    GPU = "gpu"
