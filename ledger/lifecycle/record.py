"""What a running attempt tells: phases, progress, figures, warnings, checkpoints."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from distill.config.events import CheckpointWritten, Measured, PhaseChanged, Progressed, Resolved, Warned
from ledger.blobs import refer, release
from ledger.database import insert_or_replace, now
from ledger.identifiers import new_id
from ledger.lifecycle.history import best_checkpoint, newest_checkpoints, note
from ledger.lifecycle.hold import Hold, held
from ledger.lifecycle.log import append_log
from ledger.tables import Attempt, Checkpoint, Job, Metric

VALIDATION = "validation."
"""With the main figure of a task: `validation.accuracy`, `validation.r2`, ..."""
KEPT_CHECKPOINTS = 2
"""The newest, and the one before it in case that one is damaged; beside these the best."""


@dataclass(frozen=True)
class Begun:
    """The process of an attempt runs."""

    pid: int
    resumed_from_step: int


@dataclass(frozen=True)
class Flush:
    """All that happened in an attempt since the last flush, in order."""

    after: int | None = None
    """The job's last event, as far as the caller knows. While a job runs its worker alone adds any:
    so a flush that is sent again because no answer came is written once."""
    begun: Begun | None = None
    phases: tuple[PhaseChanged, ...] = ()
    progress: Progressed | None = None
    metrics: tuple[Measured, ...] = ()
    warnings: tuple[Warned, ...] = ()
    resolved: Resolved | None = None
    checkpoint: CheckpointWritten | None = None
    """Its blob is kept already; the row is written here."""
    log_offset: int = 0
    """Where `log` stands in the whole log, in bytes."""
    log: bytes = b""
    """Cut between characters."""


def record(session: Session, hold: Hold, flush: Flush) -> int:
    """Write down a flush: at most one `metric` and one `log` event, which hold only the range.

    Returns the number of the job's last event.

    Raises:
        HoldLost: nothing was written.
        BlobDoomed: the checkpoint's bytes must be kept again first.
    """
    job = held(session, Job, hold)
    if flush.after is not None and job.last_event > flush.after:
        return job.last_event
    if flush.begun is not None:
        attempt = session.get_one(Attempt, (hold.id, hold.attempt))
        attempt.pid = flush.begun.pid
        attempt.resumed_from_step = flush.begun.resumed_from_step
    if flush.progress is not None:
        job.progress = {**(job.progress or {}), **flush.progress.model_dump(exclude={"type"})}
    if flush.resolved is not None:
        stages = [stage.model_dump(mode="json") for stage in flush.resolved.stages]
        job.resolved_spec = {**job.resolved_spec, "stages": stages}
    for change in flush.phases:
        _enter_or_leave(session, job, change)
    for warning in flush.warnings:
        note(session, job, "warning", warning.model_dump(exclude={"type"}))
    if flush.metrics:
        _measure(session, job, flush.metrics)
        _show_newest_validation(job, flush.metrics)
    if flush.log:
        kept_from = append_log(session, hold, flush.log_offset, flush.log)
        new = flush.log_offset + len(flush.log) - kept_from
        note(session, job, "log", {"offset": kept_from, "bytes": new})
    if flush.checkpoint is not None:
        _add_checkpoint(session, job, flush.checkpoint)
    return job.last_event


def _enter_or_leave(session: Session, job: Job, change: PhaseChanged) -> None:
    moment = now(session)
    before = next((phase for phase in job.phases if phase["name"] == change.name), None)
    if change.status == "running":
        entry = {"name": change.name, "status": "running", "started_at": moment, "ended_at": None}
        job.phase = change.name
    else:
        begun = before["started_at"] if before else moment
        entry = {"name": change.name, "status": "done", "started_at": begun, "ended_at": moment}
    if before is None:
        job.phases = [*job.phases, entry]
    else:
        job.phases = [entry if phase is before else phase for phase in job.phases]
    note(session, job, "phase", {"name": change.name, "status": change.status})


def _measure(session: Session, job: Job, metrics: Iterable[Measured]) -> None:
    """A resumed attempt overwrites the figures that it computes again."""
    rows: dict[tuple[str, str, int], dict[str, Any]] = {}
    steps: dict[str, list[int]] = {}
    for measured in metrics:
        steps.setdefault(measured.run, []).append(measured.step)
        for name, value in measured.values.items():
            if math.isfinite(value):  # JSON has no other numbers; the parquet file has them all
                rows[measured.run, name, measured.step] = {
                    "job_id": job.id,
                    "project_id": job.project_id,
                    "run": measured.run,
                    "name": name,
                    "step": measured.step,
                    "value": value,
                    "time": measured.time,
                    "attempt": job.attempt,
                }
    if rows:
        insert_or_replace(session, Metric, list(rows.values()))
    ranges = [{"run": run, "from_step": min(of), "to_step": max(of)} for run, of in steps.items()]
    note(session, job, "metric", {"ranges": ranges})


def _show_newest_validation(job: Job, metrics: Iterable[Measured]) -> None:
    """Beside how far the job is: how good the network that it trains was last found to be."""
    for measured in metrics:
        for name, value in measured.values.items():
            if name.startswith(VALIDATION) and math.isfinite(value) and job.progress is not None:
                figure = name.removeprefix(VALIDATION)
                shown = {"run": measured.run, "step": measured.step, "figure": figure, "value": value}
                job.progress = {**job.progress, "validation": shown}


def _add_checkpoint(session: Session, job: Job, written: CheckpointWritten) -> None:
    checkpoint = Checkpoint(
        id=new_id("ckpt_"),
        project_id=job.project_id,
        job_id=job.id,
        attempt=job.attempt,
        phase=written.phase,
        run=written.run,
        step=written.step,
        figure=written.figure,
        sha256=written.sha256,
        bytes=written.bytes,
    )
    refer(session, checkpoint.id, [written.sha256])
    session.add(checkpoint)
    note(
        session,
        job,
        "checkpoint",
        {"id": checkpoint.id, "phase": written.phase, "run": written.run, "step": written.step},
    )
    best = best_checkpoint(session, job.id)
    for old in session.scalars(newest_checkpoints(job.id).offset(KEPT_CHECKPOINTS)):
        if old.id != best:
            release(session, old.id)
            session.delete(old)
