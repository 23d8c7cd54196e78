"""What a job left behind: events, figures, log, attempts, checkpoints, artifacts.

These take a job's id alone: look the job up by (project, id) first, with `queries.get_job`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ledger.lifecycle.history import newest_checkpoints
from ledger.tables import Artifact, Attempt, Checkpoint, Event, LogChunk, Metric


def events_after(session: Session, job_id: str, number: int = 0, *, limit: int = 500) -> list[Event]:
    """Events with a greater number, in order."""
    query = select(Event).where(Event.job_id == job_id, Event.number > number)
    return list(session.scalars(query.order_by(Event.number).limit(limit)))


class Point(NamedTuple):
    """One figure. A job has them by the ten thousand: no row of the ORM is made for each."""

    run: str
    name: str
    step: int
    value: float
    time: float
    attempt: int


def metrics(
    session: Session,
    job_id: str,
    *,
    names: Sequence[str] = (),
    run: str | None = None,
    from_step: int | None = None,
    to_step: int | None = None,
) -> list[Point]:
    """Figures by run, name and step; both bounds are included."""
    wanted: list[ColumnElement[bool]] = [Metric.job_id == job_id]
    if names:
        wanted.append(Metric.name.in_(names))
    if run is not None:
        wanted.append(Metric.run == run)
    if from_step is not None:
        wanted.append(Metric.step >= from_step)
    if to_step is not None:
        wanted.append(Metric.step <= to_step)
    columns = (getattr(Metric, name) for name in Point._fields)
    query = select(*columns).where(*wanted).order_by(Metric.run, Metric.name, Metric.step)
    return [Point(*row) for row in session.execute(query)]


def log_text(session: Session, job_id: str, attempt: int, *, start: int = 0, end: int | None = None) -> str:
    """The pieces of an attempt's log that begin in bytes `start` to `end`; what was dropped is named."""
    query = select(LogChunk).where(
        LogChunk.job_id == job_id, LogChunk.attempt == attempt, LogChunk.offset >= start
    )
    if end is not None:
        query = query.where(LogChunk.offset < end)
    return "".join(_with_gaps(session.scalars(query.order_by(LogChunk.offset)), start))


def attempts(session: Session, job_id: str) -> list[Attempt]:
    """Oldest first."""
    return list(session.scalars(select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number)))


def checkpoints(session: Session, job_id: str) -> list[Checkpoint]:
    """Newest first."""
    return list(session.scalars(newest_checkpoints(job_id)))


def artifacts(session: Session, job_id: str) -> list[Artifact]:
    """Oldest first."""
    return list(session.scalars(select(Artifact).where(Artifact.job_id == job_id).order_by(Artifact.id)))


def _with_gaps(chunks: Iterator[LogChunk], start: int) -> Iterator[str]:
    expected = start
    for chunk in chunks:
        if chunk.offset > expected:
            yield f"\n[... {chunk.offset - expected} bytes dropped; the artifact log.txt has all ...]\n"
        yield chunk.text
        expected = chunk.offset + chunk.bytes
