"""Who may do what: projects, keys, by what the service signs, what a repeated request was answered, and
singleton leases."""

from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.tables.declaration import Born, Id, ProjectId, Table


class Project(Table):
    __tablename__ = "projects"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[Born]


class ApiKey(Table):
    """A key is `lmb_<prefix>_<secret>`; only the prefix and a hash of the secret are stored."""

    __tablename__ = "api_keys"

    id: Mapped[Id]
    project_id: Mapped[ProjectId]
    name: Mapped[str] = mapped_column(String(64))
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    secret_sha256: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[Any]]
    created_at: Mapped[Born]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]


class IdempotencyKey(Table):
    """A POST that creates, claimed by its key; the answer is stored with what it created."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("(status IS NULL) = (body IS NULL)", name="answer_whole"),
        CheckConstraint("status IS NOT NULL OR lease_expires_at IS NOT NULL", name="in_flight_leased"),
        Index(None, "created_at"),
    )

    project_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    method: Mapped[str] = mapped_column(String(8), primary_key=True)
    path: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str | None] = mapped_column(String(64))
    """Of the body; for a streamed body of its digest header or length, until it is known."""
    token: Mapped[str] = mapped_column(String(32))
    lease_expires_at: Mapped[float | None]
    created_at: Mapped[Born]
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[dict[str, Any] | None]


class SigningKey(Table):
    """The public part of a key that signs manifests, or once did."""

    __tablename__ = "signing_keys"

    id: Mapped[Id]
    """The beginning of the sha256 of the raw public key."""
    public_key: Mapped[str] = mapped_column(Text)
    """PEM."""
    created_at: Mapped[Born]


class Lease(Table):
    """A role that one process at a time may play, such as the sweep."""

    __tablename__ = "leases"
    role: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(120))
    expires_at: Mapped[float]
