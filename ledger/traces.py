"""How long what a job left behind is kept once it has ended. Its artifacts stay until they are deleted."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import Session

from ledger.blobs import release
from ledger.database import Sessions, clock
from ledger.lifecycle.late_export import KIND as EXPORT
from ledger.states import ChoreStatus
from ledger.tables import Checkpoint, Chore, Event, Job, LogChunk, Metric

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Policy:
    """Seconds from the end of a job."""

    events_s: float
    metrics_s: float
    logs_s: float
    checkpoints_s: float


def retire(sessions: Sessions, policy: Policy, *, limit: int = 20) -> int:
    """Remove what is older than it may be, of up to `limit` jobs for each kind of trace.

    Returns how many times something went; 0 says that nothing is left to do. Each job is a transaction
    of its own, and to break off between two of them loses nothing.
    """
    retired = sum(
        _retire(sessions, traces, kept_s, limit)
        for traces, kept_s in (
            (_EVENTS, policy.events_s),
            (_METRICS, policy.metrics_s),
            (_LOGS, policy.logs_s),
            (_CHECKPOINTS, policy.checkpoints_s),
        )
    )
    with sessions.writing() as session:
        _forget_chores(session, policy.events_s)
    if retired:
        log.info("traces_retired", count=retired)
    return retired


@dataclass(frozen=True)
class _Traces:
    """One kind of what a job leaves behind: which rows these are, and how they go."""

    of_job: ColumnElement[bool]
    """Holds of the rows that may go, beside a row of the job."""
    remove: Callable[[Session, str], None]


def _retire(sessions: Sessions, traces: _Traces, kept_s: float, limit: int) -> int:
    over = Job.finished_at <= clock() - kept_s  # it has none before its end, nor after a retry
    with sessions.reading() as session:
        old = session.scalars(
            select(Job.id).where(over, exists().where(traces.of_job)).order_by(Job.finished_at).limit(limit)
        ).all()
    for job_id in old:
        with sessions.writing() as session:
            # Asked again, and held: it may be tried again by now, and need its checkpoint.
            still = session.scalars(select(Job.id).where(Job.id == job_id, over).with_for_update()).first()
            if still is not None:
                traces.remove(session, job_id)
    return len(old)


def _remove_events(session: Session, job_id: str) -> None:
    """All but the last, by which whoever follows the job learns that it has ended."""
    last = select(Job.last_event).where(Job.id == job_id).scalar_subquery()
    session.execute(delete(Event).where(Event.job_id == job_id, Event.number < last))


def _remove_metrics(session: Session, job_id: str) -> None:
    session.execute(delete(Metric).where(Metric.job_id == job_id))


def _remove_logs(session: Session, job_id: str) -> None:
    session.execute(delete(LogChunk).where(LogChunk.job_id == job_id))


def _remove_checkpoints(session: Session, job_id: str) -> None:
    for checkpoint in session.scalars(select(Checkpoint).where(Checkpoint.job_id == job_id)):
        release(session, checkpoint.id)
        session.delete(checkpoint)


_EVENTS = _Traces((Event.job_id == Job.id) & (Event.number < Job.last_event), _remove_events)
_METRICS = _Traces(Metric.job_id == Job.id, _remove_metrics)
_LOGS = _Traces(LogChunk.job_id == Job.id, _remove_logs)
_CHECKPOINTS = _Traces(Checkpoint.job_id == Job.id, _remove_checkpoints)


def _forget_chores(session: Session, kept_s: float) -> None:
    """Drop what was asked and answered: plans, inspections, promotions. An export is the record of its
    proof, and stays as long as its model."""
    over = (Chore.status.in_((ChoreStatus.DONE, ChoreStatus.FAILED)), Chore.finished_at <= clock() - kept_s)
    session.execute(delete(Chore).where(*over, Chore.kind != EXPORT))
