"""Short work beside the jobs, and the workers that do either."""

from typing import Any

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ledger.states import ChoreStatus
from ledger.tables.declaration import Born, Id, ProjectId, Table


class Chore(Table):
    """Short work on a CPU: inspect a model or a dataset, plan a job, export a student. Claimed like a job."""

    __tablename__ = "chores"
    __table_args__ = (
        CheckConstraint(
            "status <> 'running' OR (lease_expires_at IS NOT NULL AND token IS NOT NULL)",
            name="running_leased",
        ),
        Index("ix_chores_claim", "status", "id"),
    )

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    kind: Mapped[str] = mapped_column(String(24))
    """`inspect_model, inspect_dataset, plan, promote, export`."""
    subject_id: Mapped[str | None] = mapped_column(String(40), index=True)
    """The model or dataset that it inspects, the checkpoint that it makes an artifact of, or the student
    that it exports."""
    request: Mapped[dict[str, Any]]
    request_sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    """Of a plan: the same question finds the same answer."""
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    status: Mapped[str] = mapped_column(String(16), default=ChoreStatus.QUEUED)
    attempt: Mapped[int] = mapped_column(default=0)
    crashes: Mapped[int] = mapped_column(default=0)
    """Attempts that ended without a word; enough of them, and the subject is rejected."""
    token: Mapped[str | None] = mapped_column(String(32))
    worker: Mapped[str | None] = mapped_column(String(120))
    lease_expires_at: Mapped[float | None]
    run_after: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[Born]
    finished_at: Mapped[float | None]


class Worker(Table):
    """A Celery worker, as it last said of itself."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    lanes: Mapped[list[Any]]
    slots: Mapped[int]
    devices: Mapped[list[Any]]
    memory_bytes: Mapped[int]
    sandbox: Mapped[str] = mapped_column(String(16))
    """`bubblewrap` or `limits`."""
    started_at: Mapped[Born]
    seen_at: Mapped[float]
    departed_at: Mapped[float | None]
    """When it ended in good order. The row stays for a while: it tells what jobs can be run here."""
