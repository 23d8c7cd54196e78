"""A POST that creates, sent twice, creates once: the key is claimed first, and the answer is
stored in the transaction of what it answers for."""

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.orm import Session

from ledger.database import clock, insert_or_keep, now
from ledger.errors import IdempotencyInFlight, IdempotencyMismatch
from ledger.lifecycle.hold import new_token
from ledger.tables import IdempotencyKey

LEASE_S = 60.0
KEPT_S = 24 * 3600.0


@dataclass(frozen=True)
class Key:
    """What one `Idempotency-Key` stands for."""

    project_id: str
    key: str
    method: str
    path: str

    def row(self) -> ColumnElement[bool]:
        return and_(
            IdempotencyKey.project_id == self.project_id,
            IdempotencyKey.key == self.key,
            IdempotencyKey.method == self.method,
            IdempotencyKey.path == self.path,
        )


@dataclass(frozen=True)
class Started:
    """The key is the caller's, to finish or to abandon, for as long as it renews."""

    key: Key
    token: str


@dataclass(frozen=True)
class Replay:
    """The first answer. `request_sha256` is that of the body which it answered."""

    status: int
    headers: dict[str, Any]
    body: dict[str, Any]
    request_sha256: str


def begin(
    session: Session, key: Key, *, request_sha256: str | None, lease_s: float = LEASE_S
) -> Started | Replay:
    """Claim the key, or find the answer that it already has.

    A streamed body has no hash yet: pass None, and compare that of a `Replay` once it is received
    (`require_same`). A claim whose lease ran out belonged to a process that died: it is taken over.

    Raises:
        IdempotencyMismatch: the key was used for another body.
        IdempotencyInFlight: the first request has no answer yet.
    """
    started = Started(key, new_token())
    values = {
        "request_sha256": request_sha256,
        "token": started.token,
        "lease_expires_at": clock() + lease_s,
    }
    names = {"project_id": key.project_id, "key": key.key, "method": key.method, "path": key.path}
    if insert_or_keep(session, IdempotencyKey, {**names, **values}):
        return started
    held = session.scalars(
        select(IdempotencyKey).where(key.row()).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    moment = now(session)
    if held is None:  # abandoned between the two statements
        raise IdempotencyInFlight(retry_after=1)
    if held.created_at <= moment - KEPT_S:
        held.created_at, held.status, held.headers, held.body = moment, None, None, None
        held.lease_expires_at = moment
    elif request_sha256 is not None and held.request_sha256 not in (None, request_sha256):
        raise IdempotencyMismatch
    if held.status is not None:
        assert held.body is not None
        return Replay(held.status, held.headers or {}, held.body, held.request_sha256 or "")
    if held.lease_expires_at is not None and held.lease_expires_at > moment:
        raise IdempotencyInFlight(math.ceil(held.lease_expires_at - moment))
    held.request_sha256, held.token, held.lease_expires_at = request_sha256, started.token, moment + lease_s
    session.flush()
    return started


def require_same(replay: Replay, request_sha256: str) -> None:
    """The body that was received now is the one which was answered.

    Raises:
        IdempotencyMismatch: it is another one.
    """
    if replay.request_sha256 != request_sha256:
        raise IdempotencyMismatch


def renew(session: Session, started: Started, *, lease_s: float = LEASE_S) -> None:
    """Hold the key for `lease_s` seconds more, while a body streams.

    Raises:
        IdempotencyInFlight: another request has taken the key over.
    """
    _settle(session, started, lease_expires_at=clock() + lease_s)


def finish(
    session: Session,
    started: Started,
    *,
    request_sha256: str,
    status: int,
    headers: dict[str, Any],
    body: dict[str, Any],
) -> None:
    """Store the answer, in the transaction of what was created.

    Raises:
        IdempotencyInFlight: another request has taken the key over; nothing may be created.
    """
    _settle(
        session,
        started,
        request_sha256=request_sha256,
        status=status,
        headers=headers,
        body=body,
        lease_expires_at=None,
    )


def abandon(session: Session, started: Started) -> None:
    """Give the key back: this answer is not to be kept."""
    session.execute(
        delete(IdempotencyKey).where(
            started.key.row(),
            IdempotencyKey.token == started.token,
            IdempotencyKey.status.is_(None),
        )
    )


def forget(session: Session) -> None:
    """Drop what is older than a day."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at <= clock() - KEPT_S))


def _settle(session: Session, started: Started, **values: Any) -> None:
    settled = session.execute(
        update(IdempotencyKey)
        .where(started.key.row(), IdempotencyKey.token == started.token, IdempotencyKey.status.is_(None))
        .values(**values)
        .returning(IdempotencyKey.token)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if settled is None:
        raise IdempotencyInFlight(retry_after=1)
