"""Jobs whose inputs turned out unusable."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.database import now
from ledger.inputs import inputs_of, some_rejected
from ledger.lifecycle.history import turn
from ledger.lifecycle.hold import JobError
from ledger.states import InputStatus, JobStatus
from ledger.tables import Dataset, Job, Model


def fail_jobs_with_rejected_inputs(session: Session) -> None:
    """Fail every waiting job one of whose models or whose dataset was rejected; it can never be claimed."""
    waiting = select(Job).where(Job.status == JobStatus.QUEUED, some_rejected()).order_by(Job.id)
    for job in session.scalars(waiting.with_for_update(of=Job).execution_options(populate_existing=True)):
        error = _why(session, job).as_dict()
        job.error = error
        job.finished_at = now(session)
        turn(session, job, JobStatus.FAILED, error=error)


def _why(session: Session, job: Job) -> JobError:
    inputs = inputs_of(session, job)
    rows: list[tuple[str, Model | Dataset]] = [
        *((role, model) for role, _, model in inputs.parts()),
        ("dataset", inputs.dataset),
    ]
    part, row = next((part, row) for part, row in rows if row.status == InputStatus.REJECTED)
    reason = (row.problem or {}).get("message", "it cannot be used")
    message = f"the {part} {row.id} was rejected: {reason}"
    return JobError("input_rejected", "user", message, hint=f"register the {part} again, then submit again")
