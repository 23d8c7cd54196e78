"""The fence: a worker that lost its work can write nothing."""

import secrets
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from distill.config.events import ErrorClass
from ledger.database import clock
from ledger.errors import HoldLost
from ledger.states import JobStatus
from ledger.tables import Job


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

    def as_dict(self) -> dict[str, Any]:
        """As the contract spells it."""
        fields = asdict(self)
        fields["class"] = fields.pop("error_class")
        return fields


def new_token() -> str:
    return secrets.token_hex(16)


def held_job(session: Session, hold: Hold) -> Job:
    """The job under this hold, locked until the transaction ends.

    Raises:
        HoldLost: it runs no more, or for somebody else.
    """
    job = session.scalars(
        select(Job)
        .where(
            Job.id == hold.id,
            Job.attempt == hold.attempt,
            Job.token == hold.token,
            Job.status == JobStatus.RUNNING,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if job is None:
        raise HoldLost(f"attempt {hold.attempt} at {hold.id} is over")
    return job


def renew(session: Session, hold: Hold, *, lease_s: float) -> Literal["cancel", "pause"] | None:
    """Hold on for `lease_s` seconds more; returns what the user wishes of the job meanwhile.

    Raises:
        HoldLost: the caller must stop its child and write nothing.
    """
    wishes = session.execute(
        update(Job)
        .where(
            Job.id == hold.id,
            Job.attempt == hold.attempt,
            Job.token == hold.token,
            Job.status == JobStatus.RUNNING,
        )
        .values(lease_expires_at=clock() + lease_s)
        .returning(Job.cancel_requested_at, Job.pause_requested_at)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if wishes is None:
        raise HoldLost(f"attempt {hold.attempt} at {hold.id} is over")
    cancel_requested_at, pause_requested_at = wishes
    if cancel_requested_at is not None:
        return "cancel"
    return "pause" if pause_requested_at is not None else None
