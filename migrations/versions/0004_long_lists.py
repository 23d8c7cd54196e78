"""Lists that stay quick however long they grow: an index gives each of them in its order."""

from alembic import op

from migrations.vocabulary import fail_fast, index

revision = "0004"
down_revision = "0003"

_LISTED = ("jobs", "models", "files")


def upgrade() -> None:
    fail_fast()
    for table in _LISTED:
        op.create_index(f"ix_{table}_project_id_id", table, ["project_id", "id"])
        op.drop_index(f"ix_{table}_project_id", table)
    op.create_index("ix_jobs_project_id_status_id", "jobs", ["project_id", "status", "id"])
    op.create_index("ix_jobs_project_id_name_id", "jobs", ["project_id", "name", "id"])
    op.drop_index("ix_jobs_name", "jobs")
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "ix_jobs_metadata",
            "jobs",
            ["metadata"],
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
        )
    index("idempotency_keys", "created_at")


def downgrade() -> None:
    fail_fast()
    op.drop_index("ix_idempotency_keys_created_at", "idempotency_keys")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_jobs_metadata", "jobs")
    index("jobs", "name")
    op.drop_index("ix_jobs_project_id_name_id", "jobs")
    op.drop_index("ix_jobs_project_id_status_id", "jobs")
    for table in _LISTED:
        index(table, "project_id")
        op.drop_index(f"ix_{table}_project_id_id", table)
