"""The first schema: who may do what, what comes in, jobs and all that they leave, and the workers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.vocabulary import (
    ID,
    JSON,
    MOMENT,
    WHOLE,
    born,
    check,
    fail_fast,
    index,
    key,
    optional,
    owned,
    points,
    required,
)

revision = "0001"
down_revision = None

DEDUPED = sa.text("dedupe_key IS NOT NULL AND status NOT IN ('failed','cancelled')")
WHERE_DEDUPED: dict[str, Any] = {"sqlite_where": DEDUPED, "postgresql_where": DEDUPED}
TABLES = (
    *("projects", "api_keys", "idempotency_keys", "leases"),
    *("blobs", "blob_references", "files", "models", "datasets"),
    *("jobs", "attempts", "events", "metrics", "log_chunks", "checkpoints", "artifacts"),
    *("chores", "workers"),
)


def upgrade() -> None:
    fail_fast()
    _create_access()
    _create_inputs()
    _create_jobs()
    _create_work()


def downgrade() -> None:
    fail_fast()
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_access() -> None:
    op.create_table(
        "projects",
        *required(ID, "id"),
        *required(sa.String(64), "name"),
        born("created_at"),
        key("projects", "id"),
        sa.UniqueConstraint("name", name="uq_projects_name"),
    )
    op.create_table(
        "api_keys",
        *owned("api_keys"),
        *required(sa.String(64), "name", "secret_sha256"),
        *required(sa.String(16), "prefix"),
        *required(JSON, "scopes"),
        *optional(MOMENT, "expires_at", "revoked_at"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
    )
    index("api_keys", "project_id")
    op.create_table(
        "idempotency_keys",
        *required(ID, "project_id"),
        *required(sa.String(255), "key", "path"),
        *required(sa.String(8), "method"),
        *optional(sa.String(64), "request_sha256"),
        *required(sa.String(32), "token"),
        *optional(MOMENT, "lease_expires_at"),
        born("created_at"),
        *optional(WHOLE, "status"),
        *optional(JSON, "headers", "body"),
        check("idempotency_keys", "answer_whole", "(status IS NULL) = (body IS NULL)"),
        check("idempotency_keys", "in_flight_leased", "status IS NOT NULL OR lease_expires_at IS NOT NULL"),
        key("idempotency_keys", "project_id", "key", "method", "path"),
    )
    op.create_table(
        "leases",
        *required(ID, "role"),
        *required(sa.String(120), "owner"),
        *required(MOMENT, "expires_at"),
        key("leases", "role"),
    )


def _create_inputs() -> None:
    op.create_table(
        "blobs",
        *required(sa.String(64), "sha256"),
        *required(WHOLE, "bytes"),
        *required(MOMENT, "touched_at"),
        *optional(MOMENT, "doomed_at"),
        key("blobs", "sha256"),
    )
    op.create_table(
        "blob_references",
        *required(ID, "owner_id"),
        *required(sa.String(64), "sha256"),
        points("blob_references", "sha256", "blobs.sha256"),
        key("blob_references", "owner_id", "sha256"),
    )
    index("blob_references", "sha256")
    op.create_table(
        "files",
        *owned("files"),
        *required(sa.String(255), "filename"),
        *required(sa.String(16), "purpose"),
        *required(sa.String(64), "sha256"),
        *required(WHOLE, "bytes"),
        points("files", "sha256", "blobs.sha256"),
    )
    index("files", "project_id")
    op.create_table(
        "models",
        *owned("models"),
        *required(sa.String(64), "name"),
        *required(WHOLE, "version"),
        *required(sa.String(16), "status"),
        *optional(ID, "file_id", "job_id"),
        *required(JSON, "declared"),
        *optional(JSON, "network", "inspection", "problem"),
        *optional(MOMENT, "inspected_at"),
        points("models", "file_id", "files.id"),
        sa.UniqueConstraint("project_id", "name", "version", name="uq_models_project_id_name_version"),
    )
    index("models", "job_id")
    index("models", "project_id")
    op.create_table(
        "datasets",
        *owned("datasets"),
        *required(sa.String(64), "name"),
        *required(WHOLE, "version"),
        *required(sa.String(16), "status"),
        *optional(ID, "file_id"),
        *required(JSON, "declared"),
        *optional(JSON, "data", "tables", "inspection", "preview", "problem"),
        *optional(MOMENT, "inspected_at"),
        points("datasets", "file_id", "files.id"),
        sa.UniqueConstraint("project_id", "name", "version", name="uq_datasets_project_id_name_version"),
    )
    index("datasets", "project_id")


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        *owned("jobs"),
        *required(ID, "dataset_id"),
        *required(sa.String(64), "name"),
        *required(sa.String(16), "status", "lane"),
        *required(WHOLE, "gpus", "priority", "attempt", "fruitless_attempts", "last_event", "version"),
        *optional(sa.String(255), "dedupe_key"),
        *required(JSON, "spec", "resolved_spec", "metadata", "phases"),
        *optional(ID, "teacher_id"),
        *optional(sa.String(32), "token", "phase"),
        *optional(sa.String(120), "worker"),
        *optional(
            MOMENT,
            "lease_expires_at",
            "cancel_requested_at",
            "pause_requested_at",
            "started_at",
            "finished_at",
        ),
        *required(sa.Double(), "run_after", "running_s"),
        *optional(JSON, "progress", "result", "error", "environment"),
        *optional(sa.String(24), "conclusion"),
        check(
            "jobs",
            "running_leased",
            "status <> 'running' OR (lease_expires_at IS NOT NULL AND token IS NOT NULL)",
        ),
        check(
            "jobs", "status_known", "status IN ('queued','running','paused','succeeded','failed','cancelled')"
        ),
        points("jobs", "dataset_id", "datasets.id"),
        points("jobs", "teacher_id", "models.id"),
    )
    op.create_index("ix_jobs_claim", "jobs", ["lane", "status", "priority", "id"])
    index("jobs", "name")
    index("jobs", "project_id")
    op.create_index("uq_jobs_dedupe", "jobs", ["project_id", "dedupe_key"], unique=True, **WHERE_DEDUPED)
    op.create_table(
        "attempts",
        *required(ID, "job_id", "project_id"),
        *required(WHOLE, "number", "resumed_from_step", "log_bytes"),
        *required(sa.String(120), "worker"),
        *optional(WHOLE, "pid", "exit_code"),
        born("started_at"),
        *optional(MOMENT, "ended_at"),
        *optional(sa.String(24), "exit_kind"),
        points("attempts", "job_id", "jobs.id", ondelete="CASCADE"),
        points("attempts", "project_id", "projects.id"),
        key("attempts", "job_id", "number"),
    )
    op.create_table(
        "events",
        *required(ID, "job_id", "project_id"),
        *required(WHOLE, "number", "attempt"),
        *required(sa.String(16), "type"),
        born("at"),
        *required(JSON, "data"),
        points("events", "job_id", "jobs.id", ondelete="CASCADE"),
        points("events", "project_id", "projects.id"),
        key("events", "job_id", "number"),
    )
    op.create_table(
        "metrics",
        *required(ID, "job_id", "project_id", "run"),
        *required(sa.String(80), "name"),
        *required(WHOLE, "step", "attempt"),
        *required(sa.Double(), "value"),
        *required(MOMENT, "time"),
        points("metrics", "job_id", "jobs.id", ondelete="CASCADE"),
        points("metrics", "project_id", "projects.id"),
        key("metrics", "job_id", "run", "name", "step"),
    )
    op.create_table(
        "log_chunks",
        *required(ID, "job_id", "project_id"),
        *required(WHOLE, "attempt", "offset", "bytes"),
        *required(sa.Text(), "text"),
        sa.ForeignKeyConstraint(
            ["job_id", "attempt"],
            ["attempts.job_id", "attempts.number"],
            name="fk_log_chunks_job_id_attempt_attempts",
            ondelete="CASCADE",
        ),
        points("log_chunks", "project_id", "projects.id"),
        key("log_chunks", "job_id", "attempt", "offset"),
    )
    op.create_table(
        "checkpoints",
        *owned("checkpoints"),
        *required(ID, "job_id", "run"),
        *required(WHOLE, "attempt", "step", "bytes"),
        *required(sa.String(32), "phase"),
        *required(sa.String(64), "sha256"),
        points("checkpoints", "job_id", "jobs.id", ondelete="CASCADE"),
        points("checkpoints", "sha256", "blobs.sha256"),
    )
    index("checkpoints", "job_id")
    index("checkpoints", "project_id")
    op.create_table(
        "artifacts",
        *owned("artifacts"),
        *required(ID, "job_id"),
        *required(WHOLE, "attempt", "bytes"),
        *required(sa.String(16), "kind"),
        *required(sa.String(24), "format"),
        *required(sa.String(255), "filename"),
        *required(sa.String(80), "media_type"),
        *required(sa.String(64), "sha256"),
        points("artifacts", "job_id", "jobs.id", ondelete="CASCADE"),
        points("artifacts", "sha256", "blobs.sha256"),
    )
    index("artifacts", "job_id")
    index("artifacts", "project_id")


def _create_work() -> None:
    op.create_table(
        "chores",
        *owned("chores"),
        *required(sa.String(24), "kind"),
        *optional(ID, "subject_id"),
        *required(JSON, "request"),
        *optional(sa.String(64), "request_sha256"),
        *optional(JSON, "result", "error"),
        *required(sa.String(16), "status"),
        *required(WHOLE, "attempt", "crashes"),
        *optional(sa.String(32), "token"),
        *optional(sa.String(120), "worker"),
        *optional(MOMENT, "lease_expires_at", "finished_at"),
        *required(MOMENT, "run_after"),
        check(
            "chores",
            "running_leased",
            "status <> 'running' OR (lease_expires_at IS NOT NULL AND token IS NOT NULL)",
        ),
    )
    op.create_index("ix_chores_claim", "chores", ["status", "id"])
    index("chores", "project_id")
    index("chores", "request_sha256")
    index("chores", "subject_id")
    op.create_table(
        "workers",
        *required(sa.String(120), "name"),
        *required(JSON, "lanes", "devices"),
        *required(WHOLE, "slots", "memory_bytes"),
        *required(sa.String(16), "sandbox"),
        born("started_at"),
        *required(MOMENT, "seen_at"),
        key("workers", "name"),
    )
