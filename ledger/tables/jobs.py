"""What a user submits, and everything that is known of it."""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from ledger.states import JobStatus
from ledger.tables.declaration import Born, Id, ProjectId, ProjectListed, ProjectOfJob, Table


class Job(Table):
    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "status IN ('queued','running','paused','succeeded','failed','cancelled')", name="status_known"
        ),
        CheckConstraint(
            "status <> 'running' OR (lease_expires_at IS NOT NULL AND token IS NOT NULL)",
            name="running_leased",
        ),
        Index(None, "project_id", "id"),
        Index(None, "project_id", "status", "id"),
        Index(None, "project_id", "name", "id"),
        Index(
            "ix_jobs_metadata",
            "metadata",
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
            info={"only_on": "postgresql"},
        ).ddl_if(dialect="postgresql"),
        Index(None, "status", "lane"),
        Index(None, "finished_at"),
        Index(
            "uq_jobs_dedupe",
            "project_id",
            "dedupe_key",
            unique=True,
            sqlite_where=text("dedupe_key IS NOT NULL AND status NOT IN ('failed','cancelled')"),
            postgresql_where=text("dedupe_key IS NOT NULL AND status NOT IN ('failed','cancelled')"),
        ),
    )

    id: Mapped[Id]
    project_id: Mapped[ProjectListed]
    name: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16), default=JobStatus.QUEUED)
    lane: Mapped[str] = mapped_column(String(16))
    gpus: Mapped[int] = mapped_column(default=0)
    priority: Mapped[int] = mapped_column(default=0)
    dedupe_key: Mapped[str | None] = mapped_column(String(255))
    spec: Mapped[dict[str, Any]]
    """As its user wrote it."""
    resolved_spec: Mapped[dict[str, Any]]
    """Every default filled in, names turned into ids, `stages` always a list."""
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    # `metadata` is taken by SQLAlchemy's declarative base.
    user_metadata: Mapped[dict[str, Any]] = mapped_column("metadata")

    attempt: Mapped[int] = mapped_column(default=0)
    """Only ever rises: one for each claim. Part of the fence."""
    fruitless_attempts: Mapped[int] = mapped_column(default=0)
    """Attempts in a row that added no checkpoint; what `max_attempts` counts."""
    memory_kills: Mapped[int] = mapped_column(default=0)
    """How many of the fruitless attempts ended because the kernel killed the child for want of memory."""
    token: Mapped[str | None] = mapped_column(String(32))
    """Random, made at claim. Part of the fence."""
    worker: Mapped[str | None] = mapped_column(String(120))
    lease_expires_at: Mapped[float | None]
    run_after: Mapped[float] = mapped_column(default=0.0)
    """Not to be claimed before this moment (back-off)."""

    # A wish, not a status: the job runs on until its supervisor sees it.
    cancel_requested_at: Mapped[float | None]
    pause_requested_at: Mapped[float | None]

    phase: Mapped[str | None] = mapped_column(String(32))
    phases: Mapped[list[Any]] = mapped_column(default=list)
    progress: Mapped[dict[str, Any] | None]
    conclusion: Mapped[str | None] = mapped_column(String(24))
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    environment: Mapped[dict[str, Any] | None]

    last_event: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    """Rises with every change that a user made; the ETag of PATCH."""
    created_at: Mapped[Born]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    running_s: Mapped[float] = mapped_column(default=0.0)
    """Seconds that the attempts since the last retry ran; `max_runtime_s` counts them."""


Index("ix_jobs_claim", Job.project_id, Job.lane, Job.status, Job.priority.desc(), Job.id)
"""The waiting jobs of a project in their order, and how many of its jobs run."""


class JobModel(Table):
    """A model that a job needs: one of its teachers, what its student starts from, or what a gate puts
    the student beside."""

    __tablename__ = "job_models"
    __table_args__ = (
        CheckConstraint("role IN ('teacher','student','incumbent')", name="role_known"),
        Index(None, "model_id"),
    )

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[ProjectOfJob]
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    """Among those of the same role, from 0, in the order of the document."""
    model_id: Mapped[str] = mapped_column(ForeignKey("models.id"))


class Attempt(Table):
    """One execution of a job."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "project_id", "started_at"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[ProjectOfJob]
    number: Mapped[int] = mapped_column(primary_key=True)
    worker: Mapped[str] = mapped_column(String(120))
    pid: Mapped[int | None]
    started_at: Mapped[Born]
    ended_at: Mapped[float | None]
    exit_kind: Mapped[str | None] = mapped_column(String(24))
    """`ok, failed, cancelled, paused, drained, signal, oom_host, oom_cuda, disk_full, timeout,
    lost_worker, internal`."""
    exit_code: Mapped[int | None]
    resumed_from_step: Mapped[int] = mapped_column(default=0)
    log_bytes: Mapped[int] = mapped_column(default=0)
    """Bytes of log that the child wrote, dropped ones included."""


class Event(Table):
    """One thing that happened to a job; `number` is dense, and its order is the order of commits."""

    __tablename__ = "events"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[ProjectOfJob]
    number: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(String(16))
    """`state, phase, warning, checkpoint, log, metric`."""
    at: Mapped[Born]
    attempt: Mapped[int]
    data: Mapped[dict[str, Any]]


class Metric(Table):
    __tablename__ = "metrics"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[ProjectOfJob]
    run: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[float]
    time: Mapped[float]
    attempt: Mapped[int]


class LogChunk(Table):
    """Text of a child's log; `offset` is in bytes of the whole log."""

    __tablename__ = "log_chunks"

    job_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    project_id: Mapped[ProjectOfJob]
    attempt: Mapped[int] = mapped_column(primary_key=True)
    offset: Mapped[int] = mapped_column(primary_key=True)
    bytes: Mapped[int]
    """How many bytes of the log this is; more or fewer than the text has where they were no UTF-8."""
    text: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        ForeignKeyConstraint(
            ["job_id", "attempt"], ["attempts.job_id", "attempts.number"], ondelete="CASCADE"
        ),
    )


class Checkpoint(Table):
    """Resumable training state, in the store."""

    __tablename__ = "checkpoints"
    __table_args__ = (Index(None, "job_id"),)

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    phase: Mapped[str] = mapped_column(String(32))
    run: Mapped[str] = mapped_column(String(40))
    step: Mapped[int]
    figure: Mapped[float | None]
    """The main figure on the validation split of the weights that the run would go on with."""
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    bytes: Mapped[int]
    created_at: Mapped[Born]


class Artifact(Table):
    """A file that the user takes home."""

    __tablename__ = "artifacts"
    __table_args__ = (Index(None, "job_id"),)

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    format: Mapped[str] = mapped_column(String(24))
    filename: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(80))
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    bytes: Mapped[int]
    created_at: Mapped[Born]
