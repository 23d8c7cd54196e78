"""What a long job needs: a queue fair to projects, kills for memory counted, figures of checkpoints."""

import sqlalchemy as sa
from alembic import op

from migrations.vocabulary import MOMENT, WHOLE, fail_fast

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    fail_fast()
    op.add_column("jobs", sa.Column("memory_kills", WHOLE, server_default="0", nullable=False))
    op.add_column("checkpoints", sa.Column("figure", sa.Double()))
    op.add_column("workers", sa.Column("departed_at", MOMENT))
    op.drop_index("ix_jobs_claim", "jobs")
    op.create_index("ix_jobs_claim", "jobs", ["project_id", "lane", "status", sa.text("priority DESC"), "id"])
    op.create_index("ix_attempts_project_id_started_at", "attempts", ["project_id", "started_at"])
    op.create_index("ix_jobs_status_lane", "jobs", ["status", "lane"])
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])


def downgrade() -> None:
    fail_fast()
    op.drop_index("ix_attempts_project_id_started_at", "attempts")
    op.drop_index("ix_jobs_finished_at", "jobs")
    op.drop_index("ix_jobs_status_lane", "jobs")
    op.drop_index("ix_jobs_claim", "jobs")
    op.create_index("ix_jobs_claim", "jobs", ["lane", "status", "priority", "id"])
    op.drop_column("workers", "departed_at")
    op.drop_column("checkpoints", "figure")
    op.drop_column("jobs", "memory_kills")
