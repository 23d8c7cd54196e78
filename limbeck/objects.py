"""The objects of the service, as its JSON spells them.

Typed dictionaries rather than classes: what a newer service adds passes through unharmed.
"""

from typing import Any, Literal, TypedDict

JobStatus = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]
TERMINAL: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})


class File(TypedDict, total=False):
    id: str
    filename: str
    bytes: int
    sha256: str
    created_at: str


class Model(TypedDict, total=False):
    id: str
    name: str
    version: int
    status: Literal["inspecting", "ready", "rejected"]
    task: str | None
    architecture: str | None
    parameters: int | None
    size_bytes: int | None
    labels: list[str] | None
    problem: dict[str, Any] | None
    job_id: str | None
    conclusion: str | None
    aliases: list[str]
    created_at: str


class Alias(TypedDict, total=False):
    """A name that points to one version of a model."""

    name: str
    alias: str
    model_id: str
    version: int
    moved_at: str
    moved_by: str
    reason: str | None
    forced: bool
    moves: int


class Export(TypedDict, total=False):
    """A format of a student that was asked for after its job."""

    id: str
    model_id: str
    format: str
    status: Literal["queued", "running", "verified", "failed"]
    export: dict[str, Any] | None
    artifacts: "list[Artifact]"
    problem: dict[str, Any] | None
    created_at: str
    finished_at: str | None


class Lineage(TypedDict, total=False):
    """Where a thing came from, and what came of it."""

    of: str
    nodes: list[dict[str, Any]]
    edges: list[dict[str, str]]
    """`{source, role, target}` each, ids of nodes."""
    truncated: bool


class Dataset(TypedDict, total=False):
    id: str
    name: str
    version: int
    status: Literal["inspecting", "ready", "rejected"]
    task: str | None
    labels: list[str] | None
    splits: dict[str, Any] | None
    problem: dict[str, Any] | None
    created_at: str


class Validation(TypedDict, total=False):
    """The newest main figure of the task, of the network `run`."""

    run: str
    step: int
    figure: str
    value: float


class Progress(TypedDict, total=False):
    fraction: float
    step: int
    total_steps: int
    epoch: int
    examples_per_s: float | None
    eta_s: float | None
    validation: Validation | None


class Artifact(TypedDict, total=False):
    id: str
    kind: str
    format: str
    filename: str
    bytes: int
    sha256: str
    media_type: str


class Job(TypedDict, total=False):
    id: str
    name: str
    status: JobStatus
    phase: str | None
    phases: list[dict[str, Any]]
    conclusion: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    progress: Progress | None
    queue: dict[str, Any] | None
    spec: dict[str, Any]
    resolved_spec: dict[str, Any]
    attempt: int
    attempts: list[dict[str, Any]]
    result: dict[str, Any] | None
    artifacts: list[Artifact]
    error: dict[str, Any] | None
    metadata: dict[str, str]


class Event(TypedDict, total=False):
    """One thing that happened to a job; `id` is its dense number."""

    id: int
    type: str
    data: dict[str, Any]


class Plan(TypedDict, total=False):
    """The answer of a dry run."""

    resolved_spec: dict[str, Any]
    student: dict[str, Any]
    fits_memory: bool
    estimate: dict[str, Any]
    warnings: list[dict[str, str]]


Artifacts = list[Artifact]
Metrics = list[dict[str, Any]]
"""`{run, name, step, value, time, attempt}` each."""
