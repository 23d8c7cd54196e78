"""The fence: a worker that lost its work can write nothing."""

import secrets
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.orm import Session

from distill.config.events import ErrorClass
from ledger.database import clock
from ledger.errors import HoldLost
from ledger.states import JobStatus
from ledger.tables import Chore, Job

Work = TypeVar("Work", Job, Chore)
Wish = Literal["cancel", "pause"]


@dataclass(frozen=True)
class Hold:
    """One attempt at one job or chore. The moment it expires is no part of it."""

    id: str
    attempt: int
    token: str


@dataclass(frozen=True)
class JobError:
    """Why a job failed: what is true, what to do, and whether the same again could go better."""

    code: str
    error_class: ErrorClass
    message: str
    hint: str | None = None
    retryable: bool = False
    pointer: str | None = None
    """Where in the job document the mistake is (RFC 6901), if it is one of the document."""

    def as_dict(self) -> dict[str, Any]:
        """As the contract spells it."""
        fields = asdict(self)
        fields["class"] = fields.pop("error_class")
        return fields


def new_token() -> str:
    return secrets.token_hex(16)


def held(session: Session, table: type[Work], hold: Hold) -> Work:
    """The job or chore under this hold, locked until the transaction ends.

    Raises:
        HoldLost: it runs no more, or for somebody else.
    """
    work = session.scalars(
        select(table).where(_under(table, hold)).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if work is None:
        raise _lost(hold)
    return work


def renew(session: Session, hold: Hold, *, lease_s: float) -> Wish | None:
    """Hold on for `lease_s` seconds more; returns what the user wishes of the job meanwhile.

    Raises:
        HoldLost: the caller must stop its child and write nothing.
    """
    asked = session.execute(
        update(Job)
        .where(_under(Job, hold))
        .values(lease_expires_at=clock() + lease_s)
        .returning(Job.cancel_requested_at, Job.pause_requested_at)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if asked is None:
        raise _lost(hold)
    return _wish(*asked)


def look(session: Session, hold: Hold) -> Wish | None:
    """What the user wishes of the job, at the price of one read. (Raises as `renew` does.)"""
    asked = session.execute(
        select(Job.cancel_requested_at, Job.pause_requested_at).where(_under(Job, hold))
    ).one_or_none()
    if asked is None:
        raise _lost(hold)
    return _wish(*asked)


def _under(table: type[Work], hold: Hold) -> ColumnElement[bool]:
    return and_(
        table.id == hold.id,
        table.attempt == hold.attempt,
        table.token == hold.token,
        table.status == JobStatus.RUNNING,  # a chore's is spelled the same
    )


def _wish(cancel_requested_at: float | None, pause_requested_at: float | None) -> Wish | None:
    if cancel_requested_at is not None:
        return "cancel"
    return "pause" if pause_requested_at is not None else None


def _lost(hold: Hold) -> HoldLost:
    return HoldLost(f"attempt {hold.attempt} at {hold.id} is over")
