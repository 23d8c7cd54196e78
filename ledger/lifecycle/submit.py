"""A document becomes a job."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distill.config.job import JobDocument
from ledger.errors import DatabaseBusy, NotAllowedNow
from ledger.identifiers import new_id
from ledger.inputs import Inputs, inputs_of, tie
from ledger.lifecycle.history import locked_job
from ledger.resolve import lane_of, require_worker, resolve, resolved_spec
from ledger.states import ACTIONS, TERMINAL, JobStatus
from ledger.tables import Event, Job


@dataclass(frozen=True)
class Submission:
    job: Job
    created: bool
    """False where the document's `dedupe_key` named a job that is there already."""


def submit(session: Session, *, project_id: str, document: JobDocument, raw: dict[str, Any]) -> Submission:
    """Queue a job for this document, or find the one that has its `dedupe_key`.

    Raises:
        SpecInvalid: a reference or the inputs do not fit; every problem has its pointer.
    """
    existing = _with_dedupe_key(session, project_id, document.dedupe_key)
    if existing is not None:
        return Submission(existing, created=False)
    resolved = resolve(session, project_id=project_id, document=document, holding=True)
    job = Job(
        id=new_id("job_"),
        project_id=project_id,
        name=document.name,
        status=JobStatus.QUEUED.value,
        last_event=1,
        lane=lane_of(document),
        gpus=document.resources.gpus,
        priority=document.priority,
        dedupe_key=document.dedupe_key,
        spec=raw,
        resolved_spec=resolved_spec(resolved.document),
        dataset_id=resolved.inputs.dataset.id,
        user_metadata=dict(document.metadata),
    )
    try:
        with session.begin_nested() if document.dedupe_key is not None else nullcontext():
            session.add(job)
            session.flush()
    except IntegrityError as error:
        if document.dedupe_key is None:
            raise
        existing = _with_dedupe_key(session, project_id, document.dedupe_key)
        if existing is None:
            raise DatabaseBusy("another job with this dedupe_key came and went just now") from error
        return Submission(existing, created=False)  # another request with this key was faster
    _begin(session, job, resolved.inputs)
    return Submission(job, created=True)


def clone(session: Session, project_id: str, job_id: str) -> Job:
    """A new job with the same document and the same inputs, without the `dedupe_key`.

    Raises:
        NotFound: the project has no such job.
        NotAllowedNow: the job has not ended.
        SpecInvalid: there is no worker any more that could run it.
    """
    original = locked_job(session, project_id, job_id)
    if original.status not in TERMINAL:
        actions = ACTIONS[JobStatus(original.status)]
        raise NotAllowedNow(original.status, actions, "only a job that has ended can be cloned")
    require_worker(session, original.lane)
    job = Job(
        id=new_id("job_"),
        project_id=project_id,
        name=original.name,
        status=JobStatus.QUEUED.value,
        last_event=1,
        lane=original.lane,
        gpus=original.gpus,
        priority=original.priority,
        spec={**original.spec, "dedupe_key": None},
        resolved_spec={**original.resolved_spec, "dedupe_key": None},
        dataset_id=original.dataset_id,
        user_metadata=original.user_metadata,
    )
    session.add(job)
    session.flush()
    _begin(session, job, inputs_of(session, original), cloned_from=original.id)
    return job


def _begin(session: Session, job: Job, inputs: Inputs, **why: str) -> None:
    """What a new job has beside its row: its ties, and the first event, whose number nobody else takes."""
    session.add(
        Event(
            job_id=job.id,
            project_id=job.project_id,
            number=job.last_event,
            type="state",
            attempt=job.attempt,
            data={"status": job.status, **why},
        )
    )
    tie(session, job, inputs)


def _with_dedupe_key(session: Session, project_id: str, dedupe_key: str | None) -> Job | None:
    if dedupe_key is None:
        return None
    return session.scalars(
        select(Job).where(
            Job.project_id == project_id,
            Job.dedupe_key == dedupe_key,
            Job.status.not_in([JobStatus.FAILED, JobStatus.CANCELLED]),
        )
    ).one_or_none()
