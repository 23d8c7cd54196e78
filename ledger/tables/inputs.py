"""What comes in: blobs, the files that users name them by, and inspected models and datasets."""

from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ledger.states import InputStatus
from ledger.tables.declaration import Born, Id, ProjectId, ProjectListed, Table


class Blob(Table):
    """Bytes in the store under their sha256.

    Kept in three steps (row, bytes, then the row that refers to it) and collected in three
    (doom, bytes, row); a doomed blob may not be referred to.
    """

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    bytes: Mapped[int]
    touched_at: Mapped[float]
    doomed_at: Mapped[float | None]


class File(Table):
    __tablename__ = "files"
    __table_args__ = (Index(None, "project_id", "id"),)

    id: Mapped[Id]
    project_id: Mapped[ProjectListed]
    filename: Mapped[str] = mapped_column(String(255))
    purpose: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    bytes: Mapped[int]
    created_at: Mapped[Born]


class Model(Table):
    """One immutable version of a neural network: a teacher that was uploaded, or a student."""

    __tablename__ = "models"
    __table_args__ = (UniqueConstraint("project_id", "name", "version"), Index(None, "project_id", "id"))

    id: Mapped[Id]
    project_id: Mapped[ProjectListed]
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(16), default=InputStatus.INSPECTING)
    file_id: Mapped[str | None] = mapped_column(ForeignKey("files.id"))
    job_id: Mapped[str | None] = mapped_column(String(40), index=True)
    """The job whose student this is."""
    conclusion: Mapped[str | None] = mapped_column(String(24))
    """That job's, which may be deleted before its student is; None of an upload."""
    declared: Mapped[dict[str, Any]]
    """What the request said."""
    network: Mapped[dict[str, Any] | None]
    """`distill.config.networks.Network`, once ready. Its files are blobs."""
    inspection: Mapped[dict[str, Any] | None]
    """`parameters, size_bytes, layers, report`."""
    problem: Mapped[dict[str, Any] | None]
    created_at: Mapped[Born]
    inspected_at: Mapped[float | None]


class Dataset(Table):
    """One immutable version of a dataset."""

    __tablename__ = "datasets"
    __table_args__ = (UniqueConstraint("project_id", "name", "version"),)

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(16), default=InputStatus.INSPECTING)
    file_id: Mapped[str | None] = mapped_column(ForeignKey("files.id"))
    declared: Mapped[dict[str, Any]]
    data: Mapped[dict[str, Any] | None]
    """`distill.config.networks.Dataset`, once ready. Its split files are blobs."""
    tables: Mapped[dict[str, Any] | None]
    """split -> {sha256, bytes} of the parquet that people download."""
    inspection: Mapped[dict[str, Any] | None]
    preview: Mapped[list[Any] | None]
    problem: Mapped[dict[str, Any] | None]
    created_at: Mapped[Born]
    inspected_at: Mapped[float | None]


class Reference(Table):
    """Which row needs which blob; a blob without one is garbage."""

    __tablename__ = "blob_references"
    __table_args__ = (Index(None, "sha256"),)

    owner_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), primary_key=True)
