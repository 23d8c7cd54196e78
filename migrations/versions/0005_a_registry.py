"""Aliases of models with their history; models beside which a job's gates put its student."""

import sqlalchemy as sa
from alembic import op

from migrations.vocabulary import ID, WHOLE, born, fail_fast, index, key, optional, points, required

revision = "0005"
down_revision = "0004"

_NAMED_TWICE = {
    "chores": ["running_leased"],
    "idempotency_keys": ["answer_whole", "in_flight_leased"],
    "jobs": ["running_leased", "status_known"],
}
"""Checks whose names begin with `ck_<table>_ck_<table>_`: the convention had been applied to them again."""

_THREE_ROLES = "role IN ('teacher','student','incumbent')"
_TWO_ROLES = "role IN ('teacher','student')"


def upgrade() -> None:
    fail_fast()
    op.create_table(
        "aliases",
        *required(ID, "project_id"),
        *required(sa.String(64), "name", "alias"),
        *optional(ID, "model_id"),
        *required(WHOLE, "moves"),
        key("aliases", "project_id", "name", "alias"),
        points("aliases", "project_id", "projects.id"),
        points("aliases", "model_id", "models.id"),
    )
    index("aliases", "model_id")
    op.create_table(
        "alias_moves",
        *required(ID, "project_id"),
        *required(sa.String(64), "name", "alias"),
        *required(WHOLE, "number"),
        *optional(ID, "model_id"),
        *optional(WHOLE, "version"),
        born("at"),
        *required(ID, "by"),
        *optional(sa.String(500), "reason"),
        *required(sa.Boolean(), "forced"),
        key("alias_moves", "project_id", "name", "alias", "number"),
        sa.ForeignKeyConstraint(
            ["project_id", "name", "alias"],
            ["aliases.project_id", "aliases.name", "aliases.alias"],
            name="fk_alias_moves_project_id_name_alias_aliases",
        ),
    )
    op.add_column("models", sa.Column("conclusion", sa.String(24)))
    op.execute(
        # No job had gates until now: so much is known of a student whose job is gone.
        sa.text(
            "UPDATE models SET conclusion = coalesce("
            "(SELECT conclusion FROM jobs WHERE jobs.id = models.job_id), 'no_gate') "
            "WHERE job_id IS NOT NULL"
        )
    )
    _replace_check("ck_job_models_ck_job_models_role_known", "ck_job_models_role_known", _THREE_ROLES)
    for table, names in _NAMED_TWICE.items():
        for name in names:
            _rename_check(table, f"ck_{table}_ck_{table}_{name}", f"ck_{table}_{name}")


def downgrade() -> None:
    """Aliases and their history are lost, and jobs forget what their gates put the student beside."""
    fail_fast()
    for table, names in _NAMED_TWICE.items():
        for name in names:
            _rename_check(table, f"ck_{table}_{name}", f"ck_{table}_ck_{table}_{name}")
    op.execute(sa.text("DELETE FROM job_models WHERE role = 'incumbent'"))
    _replace_check("ck_job_models_role_known", "ck_job_models_ck_job_models_role_known", _TWO_ROLES)
    op.drop_column("models", "conclusion")
    op.drop_table("alias_moves")
    op.drop_table("aliases")


def _replace_check(old: str, new: str, holds: str) -> None:
    """`op.f`: these names are whole, and the convention is not to be applied to them."""
    with op.batch_alter_table("job_models") as job_models:
        job_models.drop_constraint(op.f(old), type_="check")
        job_models.create_check_constraint(op.f(new), holds)


def _rename_check(table: str, old: str, new: str) -> None:
    """On PostgreSQL alone: SQLite would have to copy the table for it."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}"))
