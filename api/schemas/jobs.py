"""Jobs and everything that hangs on them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from api.schemas.shared import Moment, Read
from distill.config.events import ArtifactKind, Conclusion, ErrorClass, Phase
from distill.config.job import Metadata
from distill.config.section import Section

JobStatus = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]


class PhaseRead(Read):
    name: Phase
    status: Literal["running", "done", "failed", "stopped"]
    started_at: Moment | None
    ended_at: Moment | None


class ValidationRead(Read):
    """The newest main figure of the task on the validation split."""

    run: str
    """Which network: `teacher`, `student`, `control`, `student.seed2`, ..."""
    step: int
    figure: str
    """`accuracy`, `f1`, `r2` or `cosine`."""
    value: float


class ProgressRead(Read):
    """`fraction` counts all phases."""

    fraction: float
    step: int
    total_steps: int
    epoch: int
    examples_per_s: float | None
    eta_s: float | None
    validation: ValidationRead | None = None


class QueuePlace(Read):
    """Where a waiting job stands, and what it waits for."""

    position: int
    """Among the waiting jobs of the project in the same lane; 1 is next."""
    reason: str


class JobErrorRead(Read):
    code: str
    class_: Annotated[ErrorClass, Field(alias="class")]
    message: str
    hint: str | None = None
    retryable: bool = False
    pointer: str | None = None
    """Where in the job document the mistake is (RFC 6901), if it is one of the document."""


class AttemptRead(Read):
    """One execution of a job."""

    number: int
    started_at: Moment
    ended_at: Moment | None
    exit_kind: str | None
    exit_code: int | None
    pid: int | None
    worker: str
    resumed_from_step: int


class ArtifactRead(Read):
    id: str
    object: Literal["artifact"] = "artifact"
    kind: ArtifactKind
    format: str
    filename: str
    bytes: int
    sha256: str
    media_type: str
    created_at: Moment


class CheckpointRead(Read):
    id: str
    object: Literal["checkpoint"] = "checkpoint"
    attempt: int
    phase: str
    run: str
    step: int
    figure: float | None
    """The newest main figure on the validation split of its weights, once one was measured."""
    best: bool = False
    """Whether it is the best of a student; it is kept beside the newest ones."""
    bytes: int
    created_at: Moment


class JobRead(Read):
    """A distillation job, whole."""

    id: str
    object: Literal["job"] = "job"
    name: str
    status: JobStatus
    phase: Phase | None
    phases: list[PhaseRead]
    conclusion: Conclusion | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    cancel_requested_at: Moment | None
    pause_requested_at: Moment | None
    priority: int
    progress: ProgressRead | None
    """Null until a worker has begun."""
    queue: QueuePlace | None
    """Null unless the job waits."""
    spec: dict[str, Any]
    """As it was sent."""
    resolved_spec: dict[str, Any]
    """Every default filled in, names turned into ids; once a worker has built the networks, `stages`
    names every layer that `auto` came to."""
    attempt: int
    attempts: list[AttemptRead]
    """Oldest first."""
    result: dict[str, Any] | None
    """Once it succeeded: the figures of teacher, student and control, and what they say; of each export
    its status and figures; of each gate its `verdict`: passed, failed or inconclusive."""
    artifacts: list[ArtifactRead]
    knowledge: None = None
    error: JobErrorRead | None
    environment: dict[str, Any] | None
    metadata: dict[str, str]
    links: dict[str, str]


class JobChange(Section):
    """What may still be changed of a job. `metadata` is replaced as a whole."""

    priority: Annotated[int, Field(ge=-1000, le=1000)] | None = None
    metadata: Metadata | None = None


class PlanRead(Read):
    """What a job would be, without submitting it."""

    object: Literal["plan"] = "plan"
    resolved_spec: dict[str, Any]
    """As of a job; in its `stages` every layer that `auto` would choose is named."""
    student: dict[str, Any]
    """`parameters` and `size_bytes` among others."""
    teacher: dict[str, Any]
    fits_memory: bool
    memory_bytes: int
    estimate: dict[str, Any]
    warnings: list[dict[str, str]]


class EventRead(Read):
    """One thing that happened; numbers are dense, in the order of commits."""

    id: int
    type: Literal["state", "phase", "warning", "checkpoint", "log", "metric"]
    at: Moment
    attempt: int
    data: dict[str, Any]


class MetricPoint(Read):
    run: str
    name: str
    step: int
    value: float
    time: Moment
    attempt: int


class MetricList(Read):
    """By run, name and step."""

    data: list[MetricPoint]
