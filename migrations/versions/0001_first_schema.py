"""The first schema: who may do what, what comes in, jobs and all that they leave, and the workers."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(40)
MOMENT: sa.Double[float] = sa.Double()
"""Epoch seconds by the clock of the database."""
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
DEDUPED = sa.text("dedupe_key IS NOT NULL AND status NOT IN ('failed','cancelled')")
CLOCKS = {
    "postgresql": "extract(epoch from now())::double precision",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}
TABLES = (
    "projects",
    "api_keys",
    "idempotency_keys",
    "leases",
    "blobs",
    "blob_references",
    "files",
    "models",
    "datasets",
    "jobs",
    "attempts",
    "events",
    "metrics",
    "log_chunks",
    "checkpoints",
    "artifacts",
    "chores",
    "workers",
)


def upgrade() -> None:
    _fail_fast()
    clock = sa.text(CLOCKS[op.get_bind().dialect.name])
    _create_access(clock)
    _create_inputs(clock)
    _create_jobs(clock)
    _create_work(clock)


def downgrade() -> None:
    _fail_fast()
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_access(clock: sa.TextClause) -> None:
    op.create_table(
        "projects",
        *required(ID, "id"),
        *required(sa.String(64), "name"),
        born(clock, "created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("name", name="uq_projects_name"),
    )
    op.create_table(
        "api_keys",
        *required(ID, "id", "project_id"),
        *required(sa.String(64), "name"),
        *required(sa.String(16), "prefix"),
        *required(sa.String(64), "secret_sha256"),
        *required(JSON, "scopes"),
        born(clock, "created_at"),
        *optional(MOMENT, "expires_at", "revoked_at", "last_used_at"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_api_keys_project_id_projects"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
    )
    op.create_index("ix_api_keys_project_id", "api_keys", ["project_id"])
    op.create_table(
        "idempotency_keys",
        *required(ID, "project_id"),
        *required(sa.String(255), "key"),
        *required(sa.String(8), "method"),
        *required(sa.String(255), "path"),
        *optional(sa.String(64), "request_sha256"),
        *required(sa.String(32), "token"),
        *optional(MOMENT, "lease_expires_at"),
        born(clock, "created_at"),
        *optional(WHOLE, "status"),
        *optional(JSON, "headers", "body"),
        sa.CheckConstraint("(status IS NULL) = (body IS NULL)", name="ck_idempotency_keys_answer_whole"),
        sa.CheckConstraint(
            "status IS NOT NULL OR lease_expires_at IS NOT NULL", name="ck_idempotency_keys_in_flight_leased"
        ),
        sa.PrimaryKeyConstraint("project_id", "key", "method", "path", name="pk_idempotency_keys"),
    )
    op.create_table(
        "leases",
        *required(ID, "role"),
        *required(sa.String(120), "owner"),
        *required(MOMENT, "expires_at"),
        sa.PrimaryKeyConstraint("role", name="pk_leases"),
    )


def _create_inputs(clock: sa.TextClause) -> None:
    op.create_table(
        "blobs",
        *required(sa.String(64), "sha256"),
        *required(WHOLE, "bytes"),
        *required(MOMENT, "touched_at"),
        *optional(MOMENT, "doomed_at"),
        sa.PrimaryKeyConstraint("sha256", name="pk_blobs"),
    )
    op.create_table(
        "blob_references",
        *required(ID, "owner_id"),
        *required(sa.String(64), "sha256"),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name="fk_blob_references_sha256_blobs"),
        sa.PrimaryKeyConstraint("owner_id", "sha256", name="pk_blob_references"),
    )
    op.create_index("ix_blob_references_sha256", "blob_references", ["sha256"])
    op.create_table(
        "files",
        *required(ID, "id", "project_id"),
        *required(sa.String(255), "filename"),
        *required(sa.String(16), "purpose"),
        *required(sa.String(64), "sha256"),
        *required(WHOLE, "bytes"),
        born(clock, "created_at"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_files_project_id_projects"),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name="fk_files_sha256_blobs"),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
    )
    op.create_index("ix_files_project_id", "files", ["project_id"])
    op.create_table(
        "models",
        *required(ID, "id", "project_id"),
        *required(sa.String(64), "name"),
        *required(WHOLE, "version"),
        *required(sa.String(16), "status"),
        *optional(ID, "file_id", "job_id"),
        *required(JSON, "declared"),
        *optional(JSON, "network", "inspection", "problem"),
        born(clock, "created_at"),
        *optional(MOMENT, "inspected_at"),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name="fk_models_file_id_files"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_models_project_id_projects"),
        sa.PrimaryKeyConstraint("id", name="pk_models"),
        sa.UniqueConstraint("project_id", "name", "version", name="uq_models_project_id_name_version"),
    )
    op.create_index("ix_models_job_id", "models", ["job_id"])
    op.create_index("ix_models_project_id", "models", ["project_id"])
    op.create_table(
        "datasets",
        *required(ID, "id", "project_id"),
        *required(sa.String(64), "name"),
        *required(WHOLE, "version"),
        *required(sa.String(16), "status"),
        *optional(ID, "file_id"),
        *required(JSON, "declared"),
        *optional(JSON, "data", "tables", "inspection", "preview", "problem"),
        born(clock, "created_at"),
        *optional(MOMENT, "inspected_at"),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name="fk_datasets_file_id_files"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_datasets_project_id_projects"),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.UniqueConstraint("project_id", "name", "version", name="uq_datasets_project_id_name_version"),
    )
    op.create_index("ix_datasets_project_id", "datasets", ["project_id"])


def _create_jobs(clock: sa.TextClause) -> None:
    op.create_table(
        "jobs",
        *required(ID, "id", "project_id"),
        *required(sa.String(64), "name"),
        *required(sa.String(16), "status", "lane"),
        *required(WHOLE, "gpus", "priority"),
        *optional(sa.String(255), "dedupe_key"),
        *required(JSON, "spec", "resolved_spec"),
        *optional(ID, "teacher_id"),
        *required(ID, "dataset_id"),
        *required(JSON, "metadata"),
        *required(WHOLE, "attempt", "fruitless_attempts"),
        *optional(sa.String(32), "token"),
        *optional(sa.String(120), "worker"),
        *optional(MOMENT, "lease_expires_at"),
        *required(MOMENT, "run_after"),
        *optional(MOMENT, "cancel_requested_at", "pause_requested_at"),
        *optional(sa.String(32), "phase"),
        *required(JSON, "phases"),
        *optional(JSON, "progress"),
        *optional(sa.String(24), "conclusion"),
        *optional(JSON, "result", "error", "environment"),
        *required(WHOLE, "last_event", "version"),
        born(clock, "created_at"),
        *optional(MOMENT, "started_at", "finished_at"),
        *required(sa.Double(), "running_s"),
        sa.CheckConstraint(
            "status <> 'running' OR (lease_expires_at IS NOT NULL AND token IS NOT NULL)",
            name="ck_jobs_running_leased",
        ),
        sa.CheckConstraint(
            "status IN ('queued','running','paused','succeeded','failed','cancelled')",
            name="ck_jobs_status_known",
        ),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_jobs_dataset_id_datasets"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_jobs_project_id_projects"),
        sa.ForeignKeyConstraint(["teacher_id"], ["models.id"], name="fk_jobs_teacher_id_models"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_claim", "jobs", ["lane", "status", "priority", "id"])
    op.create_index("ix_jobs_name", "jobs", ["name"])
    op.create_index("ix_jobs_project_id", "jobs", ["project_id"])
    op.create_index(
        "uq_jobs_dedupe",
        "jobs",
        ["project_id", "dedupe_key"],
        unique=True,
        sqlite_where=DEDUPED,
        postgresql_where=DEDUPED,
    )
    op.create_table(
        "attempts",
        *required(ID, "job_id"),
        *required(WHOLE, "number"),
        *required(sa.String(120), "worker"),
        *optional(WHOLE, "pid"),
        born(clock, "started_at"),
        *optional(MOMENT, "ended_at"),
        *optional(sa.String(24), "exit_kind"),
        *optional(WHOLE, "exit_code"),
        *required(WHOLE, "resumed_from_step", "log_bytes"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_attempts_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_attempts"),
    )
    op.create_table(
        "events",
        *required(ID, "job_id"),
        *required(WHOLE, "number"),
        *required(sa.String(16), "type"),
        born(clock, "at"),
        *required(WHOLE, "attempt"),
        *required(JSON, "data"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_events_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_events"),
    )
    op.create_table(
        "metrics",
        *required(ID, "job_id", "run"),
        *required(sa.String(80), "name"),
        *required(WHOLE, "step"),
        *required(sa.Double(), "value"),
        *required(MOMENT, "time"),
        *required(WHOLE, "attempt"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_metrics_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "run", "name", "step", name="pk_metrics"),
    )
    op.create_table(
        "log_chunks",
        *required(ID, "job_id"),
        *required(WHOLE, "attempt", "offset", "bytes"),
        *required(sa.Text(), "text"),
        sa.ForeignKeyConstraint(
            ["job_id", "attempt"],
            ["attempts.job_id", "attempts.number"],
            name="fk_log_chunks_job_id_attempt_attempts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", "attempt", "offset", name="pk_log_chunks"),
    )
    op.create_table(
        "checkpoints",
        *required(ID, "id", "project_id", "job_id"),
        *required(WHOLE, "attempt"),
        *required(sa.String(32), "phase"),
        *required(ID, "run"),
        *required(WHOLE, "step"),
        *required(sa.String(64), "sha256"),
        *required(WHOLE, "bytes"),
        born(clock, "created_at"),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_checkpoints_job_id_jobs", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_checkpoints_project_id_projects"),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name="fk_checkpoints_sha256_blobs"),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoints"),
    )
    op.create_index("ix_checkpoints_job_id", "checkpoints", ["job_id"])
    op.create_index("ix_checkpoints_project_id", "checkpoints", ["project_id"])
    op.create_table(
        "artifacts",
        *required(ID, "id", "project_id", "job_id"),
        *required(WHOLE, "attempt"),
        *required(sa.String(16), "kind"),
        *required(sa.String(24), "format"),
        *required(sa.String(255), "filename"),
        *required(sa.String(80), "media_type"),
        *required(sa.String(64), "sha256"),
        *required(WHOLE, "bytes"),
        born(clock, "created_at"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_artifacts_job_id_jobs", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_artifacts_project_id_projects"),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name="fk_artifacts_sha256_blobs"),
        sa.PrimaryKeyConstraint("id", name="pk_artifacts"),
    )
    op.create_index("ix_artifacts_job_id", "artifacts", ["job_id"])
    op.create_index("ix_artifacts_project_id", "artifacts", ["project_id"])


def _create_work(clock: sa.TextClause) -> None:
    op.create_table(
        "chores",
        *required(ID, "id", "project_id"),
        *required(sa.String(24), "kind"),
        *optional(ID, "subject_id"),
        *required(JSON, "request"),
        *optional(sa.String(64), "request_sha256"),
        *optional(JSON, "result", "error"),
        *required(sa.String(16), "status"),
        *required(WHOLE, "attempt", "crashes"),
        *optional(sa.String(32), "token"),
        *optional(sa.String(120), "worker"),
        *optional(MOMENT, "lease_expires_at"),
        *required(MOMENT, "run_after"),
        born(clock, "created_at"),
        *optional(MOMENT, "finished_at"),
        sa.CheckConstraint(
            "status <> 'running' OR (lease_expires_at IS NOT NULL AND token IS NOT NULL)",
            name="ck_chores_running_leased",
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_chores_project_id_projects"),
        sa.PrimaryKeyConstraint("id", name="pk_chores"),
    )
    op.create_index("ix_chores_claim", "chores", ["status", "id"])
    op.create_index("ix_chores_project_id", "chores", ["project_id"])
    op.create_index("ix_chores_request_sha256", "chores", ["request_sha256"])
    op.create_index("ix_chores_subject_id", "chores", ["subject_id"])
    op.create_table(
        "workers",
        *required(sa.String(120), "name"),
        *required(JSON, "lanes"),
        *required(WHOLE, "slots"),
        *required(JSON, "devices"),
        *required(WHOLE, "memory_bytes"),
        *required(sa.String(16), "sandbox"),
        born(clock, "started_at"),
        *required(MOMENT, "seen_at"),
        sa.PrimaryKeyConstraint("name", name="pk_workers"),
    )


def required(type: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, type, nullable=False) for name in names]


def optional(type: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, type) for name in names]


def born(clock: sa.TextClause, name: str) -> sa.Column[Any]:
    """The moment of the insert."""
    return sa.Column(name, MOMENT, server_default=clock, nullable=False)


def _fail_fast() -> None:
    """Rather than queue every request behind a lock on a busy table."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
