"""The words that migrations are written in. They may be added to, but never change their meaning."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

ID = sa.String(40)
MOMENT: sa.Double[float] = sa.Double()
"""Epoch seconds by the clock of the database."""
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
CLOCKS = {
    "postgresql": "extract(epoch from now())::double precision",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}


def required(type: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, type, nullable=False) for name in names]


def optional(type: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, type) for name in names]


def owned(table: str) -> list[sa.schema.SchemaItem]:
    """What every row of a project has: its id, its project, and the moment of the insert."""
    project = points(table, "project_id", "projects.id")
    return [*required(ID, "id", "project_id"), born("created_at"), key(table, "id"), project]


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def check(table: str, name: str, holds: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(holds, name=f"ck_{table}_{name}")


def points(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{to.partition('.')[0]}"
    return sa.ForeignKeyConstraint([column], [to], name=name, ondelete=ondelete)


def index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column])


def born(name: str) -> sa.Column[Any]:
    """The moment of the insert."""
    clock = sa.text(CLOCKS[op.get_bind().dialect.name])
    return sa.Column(name, MOMENT, server_default=clock, nullable=False)


def fail_fast() -> None:
    """Rather than queue every request behind a lock on a busy table."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
