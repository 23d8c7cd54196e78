"""Jobs whose inputs turned out unusable."""

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from ledger.database import now
from ledger.lifecycle.history import turn
from ledger.lifecycle.hold import JobError
from ledger.states import InputStatus, JobStatus
from ledger.tables import Dataset, Job, Model


def fail_jobs_with_rejected_inputs(session: Session) -> None:
    """Fail every waiting job whose teacher or dataset was rejected; it can never be claimed."""
    rejected = or_(
        exists().where(Model.id == Job.teacher_id, Model.status == InputStatus.REJECTED),
        exists().where(Dataset.id == Job.dataset_id, Dataset.status == InputStatus.REJECTED),
    )
    waiting = select(Job).where(Job.status == JobStatus.QUEUED, rejected).order_by(Job.id)
    for job in session.scalars(waiting.with_for_update(of=Job).execution_options(populate_existing=True)):
        error = _why(session, job).as_dict()
        job.error = error
        job.finished_at = now(session)
        turn(session, job, JobStatus.FAILED, error=error)


def _why(session: Session, job: Job) -> JobError:
    teacher = session.get(Model, job.teacher_id) if job.teacher_id else None
    dataset = session.get_one(Dataset, job.dataset_id)
    if teacher is not None and teacher.status == InputStatus.REJECTED:
        kind, name, problem = "teacher", teacher.id, teacher.problem or {}
    else:
        kind, name, problem = "dataset", dataset.id, dataset.problem or {}
    message = f"the {kind} {name} was rejected: {problem.get('message', 'it cannot be used')}"
    return JobError("input_rejected", "user", message, hint=f"register the {kind} again, then submit again")
