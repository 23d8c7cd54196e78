"""A job needs any number of models: its teachers in order, and what its student starts from."""

import sqlalchemy as sa
from alembic import op

from migrations.vocabulary import ID, WHOLE, check, fail_fast, index, key, points, required

revision = "0002"
down_revision = "0001"

_STATUS_KNOWN = "status IN ('queued','running','paused','succeeded','failed','cancelled')"
_RUNNING_LEASED = "status <> 'running' OR (lease_expires_at IS NOT NULL AND token IS NOT NULL)"


def upgrade() -> None:
    fail_fast()
    op.create_table(
        "job_models",
        *required(ID, "job_id", "project_id", "model_id"),
        *required(sa.String(16), "role"),
        *required(WHOLE, "position"),
        check("job_models", "role_known", "role IN ('teacher','student')"),
        points("job_models", "job_id", "jobs.id", ondelete="CASCADE"),
        points("job_models", "project_id", "projects.id"),
        points("job_models", "model_id", "models.id"),
        key("job_models", "job_id", "role", "position"),
    )
    index("job_models", "model_id")
    op.execute(
        sa.text(
            "INSERT INTO job_models (job_id, project_id, role, position, model_id) "
            "SELECT id, project_id, 'teacher', 0, teacher_id FROM jobs WHERE teacher_id IS NOT NULL"
        )
    )
    with op.batch_alter_table("jobs", table_args=_checks()) as jobs:
        jobs.drop_constraint("fk_jobs_teacher_id_models", type_="foreignkey")
        jobs.drop_column("teacher_id")


def downgrade() -> None:
    """A job of several teachers keeps the first alone, and what its student starts from is forgotten."""
    fail_fast()
    with op.batch_alter_table("jobs", table_args=_checks()) as jobs:
        jobs.add_column(sa.Column("teacher_id", ID))
        jobs.create_foreign_key("fk_jobs_teacher_id_models", "models", ["teacher_id"], ["id"])
    op.execute(
        sa.text(
            "UPDATE jobs SET teacher_id = (SELECT model_id FROM job_models "
            "WHERE job_id = jobs.id AND role = 'teacher' AND position = 0)"
        )
    )
    op.drop_table("job_models")


def _checks() -> tuple[sa.CheckConstraint, ...]:
    """SQLite copies a table to change it, and Alembic does not see the checks of the old one."""
    return (check("jobs", "status_known", _STATUS_KNOWN), check("jobs", "running_leased", _RUNNING_LEASED))
