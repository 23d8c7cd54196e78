"""How an attempt ends. Each of these is fenced, and writes the attempt, the state and its event."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from distill.config.events import ArtifactWritten, Finished
from ledger.aliases import move_to_student
from ledger.blobs import refer
from ledger.catalog import add_student
from ledger.database import now
from ledger.identifiers import new_id
from ledger.lifecycle.history import leave_running, note
from ledger.lifecycle.hold import Hold, JobError, held
from ledger.states import JobStatus
from ledger.tables import Artifact, Checkpoint, Job

OUT_OF_MEMORY = "oom_host"
MEMORY_KILLS = 2
"""So often the kernel may kill for want of memory with no checkpoint in between: the machine is too small."""


@dataclass(frozen=True)
class KeptArtifact:
    """A file whose bytes are in the store already; its row comes with the end of the attempt."""

    kind: str
    format: str
    filename: str
    media_type: str
    sha256: str
    bytes: int

    @classmethod
    def of(cls, written: ArtifactWritten) -> Self:
        return cls(**written.model_dump(exclude={"path"}))


def succeed(
    session: Session,
    hold: Hold,
    *,
    finished: Finished,
    artifacts: Sequence[KeptArtifact],
    exit_code: int | None = 0,
) -> Job:
    """The job is done: result, artifacts and, where the document asks, the student as a model and its alias.

    Raises:
        HoldLost: nothing was written.
        BlobDoomed: an artifact's bytes must be kept again first.
    """
    job = held(session, Job, hold)
    job.result = finished.result
    job.conclusion = finished.conclusion
    job.environment = finished.environment
    job.error = None
    job.fruitless_attempts = job.memory_kills = 0
    _add_artifacts(session, job, artifacts)
    if job.resolved_spec.get("output") and finished.student is not None:
        figures = finished.result.get("student") or {}
        student = add_student(session, job, finished.student, figures, finished.layers)
        if (stays := move_to_student(session, job, student)) is not None:
            note(session, job, "warning", {"code": "alias_not_moved", "message": stays})
    leave_running(
        session,
        job,
        JobStatus.SUCCEEDED,
        exit_kind="ok",
        exit_code=exit_code,
        conclusion=finished.conclusion,
    )
    return job


def fail(
    session: Session,
    hold: Hold,
    *,
    error: JobError,
    exit_kind: str,
    exit_code: int | None,
    artifacts: Sequence[KeptArtifact] = (),
) -> Job:
    """The job failed, and the same again would fail again.

    Raises:
        HoldLost: nothing was written.
    """
    job = held(session, Job, hold)
    _add_artifacts(session, job, artifacts)
    fail_running(session, job, error, exit_kind=exit_kind, exit_code=exit_code)
    return job


def stopped(
    session: Session,
    hold: Hold,
    *,
    wish: Literal["cancel", "pause", "drain"],
    exit_code: int | None,
    artifacts: Sequence[KeptArtifact] = (),
) -> Job:
    """The process stopped as asked, after its checkpoint. A drained attempt does not count.

    A cancel that came while it was being paused outweighs the pause.

    Raises:
        HoldLost: nothing was written.
    """
    if wish == "drain":
        return requeue(
            session, hold, exit_kind="drained", exit_code=exit_code, counted=False, artifacts=artifacts
        )
    job = held(session, Job, hold)
    _add_artifacts(session, job, artifacts)
    for_good = wish == "cancel" or job.cancel_requested_at is not None
    status, exit_kind = (JobStatus.CANCELLED, "cancelled") if for_good else (JobStatus.PAUSED, "paused")
    leave_running(session, job, status, exit_kind=exit_kind, exit_code=exit_code)
    return job


def requeue(
    session: Session,
    hold: Hold,
    *,
    exit_kind: str,
    exit_code: int | None,
    counted: bool,
    error: JobError | None = None,
    delay_s: float = 0.0,
    artifacts: Sequence[KeptArtifact] = (),
) -> Job:
    """The attempt broke off; the job goes back to the queue, or fails at its `max_attempts`.

    Counted are attempts in a row that added no checkpoint; of those that the kernel killed for want of
    memory two are enough. The first retry is at once; before the next one passes `delay_s`, doubled
    each time. What the user wished meanwhile happens now.

    Raises:
        HoldLost: nothing was written.
    """
    job = held(session, Job, hold)
    _add_artifacts(session, job, artifacts)
    put_back(
        session,
        job,
        exit_kind=exit_kind,
        exit_code=exit_code,
        counted=counted,
        error=error,
        delay_s=delay_s,
    )
    return job


def put_back(
    session: Session,
    job: Job,
    *,
    exit_kind: str,
    exit_code: int | None,
    counted: bool,
    error: JobError | None,
    delay_s: float,
) -> None:
    """`requeue` on a row that the caller has locked already."""
    if counted:
        _count(session, job, exit_kind)
    if job.cancel_requested_at is not None:
        leave_running(session, job, JobStatus.CANCELLED, exit_kind=exit_kind, exit_code=exit_code)
    elif counted and _had_its_attempts(job):
        fail_running(session, job, error or _broke_off(job), exit_kind=exit_kind, exit_code=exit_code)
    elif job.pause_requested_at is not None:
        leave_running(session, job, JobStatus.PAUSED, exit_kind=exit_kind, exit_code=exit_code)
    else:
        if counted and job.fruitless_attempts > 1:
            job.run_after = now(session) + delay_s * 2 ** (job.fruitless_attempts - 2)
        leave_running(session, job, JobStatus.QUEUED, exit_kind=exit_kind, exit_code=exit_code)


def fail_running(
    session: Session, job: Job, error: JobError, *, exit_kind: str, exit_code: int | None
) -> None:
    """`fail` on a row that the caller has locked already."""
    job.error = error.as_dict()
    leave_running(
        session, job, JobStatus.FAILED, exit_kind=exit_kind, exit_code=exit_code, error=error.as_dict()
    )


def _count(session: Session, job: Job, exit_kind: str) -> None:
    """Headway makes up for every attempt that broke off before."""
    if _added_checkpoint(session, job):
        job.fruitless_attempts = job.memory_kills = 0
    else:
        job.fruitless_attempts += 1
        job.memory_kills += exit_kind == OUT_OF_MEMORY


def _had_its_attempts(job: Job) -> bool:
    allowed = job.resolved_spec["limits"]["max_attempts"]
    return bool(job.fruitless_attempts >= allowed) or job.memory_kills >= MEMORY_KILLS


def _broke_off(job: Job) -> JobError:
    return JobError(
        "attempts_exhausted",
        "infrastructure",
        f"{job.fruitless_attempts} attempts in a row broke off before a checkpoint",
        hint="look at the logs of the attempts, then retry",
        retryable=True,
    )


def _added_checkpoint(session: Session, job: Job) -> bool:
    added = exists().where(Checkpoint.job_id == job.id, Checkpoint.attempt == job.attempt)
    return session.scalars(select(added)).one()


def _add_artifacts(session: Session, job: Job, artifacts: Sequence[KeptArtifact]) -> None:
    for kept in artifacts:
        artifact_of(session, job, kept, attempt=job.attempt)


def artifact_of(session: Session, job: Job, kept: KeptArtifact, *, attempt: int) -> Artifact:
    """The row of a file that is kept.

    Raises:
        BlobDoomed: the bytes must be kept again first.
    """
    artifact = Artifact(
        id=new_id("art_"),
        project_id=job.project_id,
        job_id=job.id,
        attempt=attempt,
        kind=kept.kind,
        format=kept.format,
        filename=kept.filename,
        media_type=kept.media_type,
        sha256=kept.sha256,
        bytes=kept.bytes,
    )
    refer(session, artifact.id, [kept.sha256])
    session.add(artifact)
    return artifact
