"""Names that move: which version of a model an alias points to, and where it pointed before."""

from sqlalchemy import ForeignKey, ForeignKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from ledger.tables.declaration import Born, ProjectOfJob, Table

ProjectOfModel = ProjectOfJob
"""The project again, on rows that are found by the name of a model."""


class Alias(Table):
    """A name that points to one version of a model. The row stays when the alias goes."""

    __tablename__ = "aliases"

    project_id: Mapped[ProjectOfModel] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of the model."""
    alias: Mapped[str] = mapped_column(String(64), primary_key=True)
    model_id: Mapped[str | None] = mapped_column(ForeignKey("models.id"), index=True)
    """None where it points to nothing any more. What it points to cannot be deleted."""
    moves: Mapped[int] = mapped_column(default=0)
    """The number of the last one."""


class AliasMove(Table):
    """One move of an alias; `number` is dense, and its order is the order of commits."""

    __tablename__ = "alias_moves"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "name", "alias"], ["aliases.project_id", "aliases.name", "aliases.alias"]
        ),
    )

    project_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    alias: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[str | None] = mapped_column(String(40))
    """Where it points from here on; the version may be gone by now. None: nowhere."""
    version: Mapped[int | None]
    at: Mapped[Born]
    by: Mapped[str] = mapped_column(String(40))
    """The API key that asked for it, or the job whose student it is."""
    reason: Mapped[str | None] = mapped_column(String(500))
    forced: Mapped[bool]
    """Past gates that it did not pass."""
