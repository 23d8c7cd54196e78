"""The dry run: a chore of the workers, waited for."""

import time

from starlette.concurrency import run_in_threadpool

from api.dependencies import House
from api.problems import Mistake, Problem, of_mistakes
from api.schemas.inputs import Rejection
from api.schemas.jobs import PlanRead
from distill.config.job import JobDocument
from ledger import lifecycle, queries
from ledger.errors import InputsNotReady
from ledger.queries import Head
from ledger.resolve import resolve
from ledger.states import ChoreStatus, InputStatus, Lane
from ledger.tables import Chore

_PATIENCE_S = 30.0
_OVER = (ChoreStatus.DONE, ChoreStatus.FAILED)


async def plan(house: House, project_id: str, document: JobDocument) -> PlanRead:
    """What the job would be. The same question is answered from what is known.

    Raises:
        Problem: 422 where the job cannot be; 503 where nobody could tell in time.
        InputsNotReady: an input is still being inspected at the end of the wait.
    """
    deadline = time.monotonic() + _PATIENCE_S
    chore = await _asked(house, project_id, document, deadline)
    if chore.status == ChoreStatus.QUEUED:
        house.doorbell.ring(Lane.CHORES)
    while chore.status not in _OVER:
        left = deadline - time.monotonic()
        if left <= 0 or not await house.watch.change(chore.id, until=_over, within=left):
            raise _unavailable()
        chore = await run_in_threadpool(_look_again, house, project_id, chore.id)
    return _answer(chore)


async def _asked(house: House, project_id: str, document: JobDocument, deadline: float) -> Chore:
    """The chore, once the inputs are inspected."""
    while True:
        try:
            return await run_in_threadpool(_ask, house, project_id, document)
        except InputsNotReady as error:
            left = deadline - time.monotonic()
            waited_for = error.waiting_for[0]
            if left <= 0 or not await house.watch.change(waited_for, until=_inspected, within=left):
                raise


def _ask(house: House, project_id: str, document: JobDocument) -> Chore:
    with house.sessions.writing() as session:
        resolved = resolve(session, project_id=project_id, document=document)
        return lifecycle.add_plan(session, project_id=project_id, resolved=resolved)


def _look_again(house: House, project_id: str, chore_id: str) -> Chore:
    with house.sessions.reading() as session:
        return queries.get_chore(session, project_id, chore_id)


def _over(head: Head | None) -> bool:
    return head is None or head.status in _OVER


def _inspected(head: Head | None) -> bool:
    return head is None or head.status != InputStatus.INSPECTING


def _answer(chore: Chore) -> PlanRead:
    if chore.result is not None:
        planned = dict(chore.result)
        spec = {**chore.request, "stages": planned.pop("stages")}
        return PlanRead.model_validate({**planned, "resolved_spec": spec})
    error = Rejection.model_validate(chore.error)
    detail = f"{error.message}; {error.hint}" if error.hint else error.message
    if error.class_ not in ("user", "data", "resource"):
        raise Problem(503, error.code, detail, headers={"Retry-After": "10"})
    mistake = Mistake(detail, error.code, pointer=error.details.get("pointer", ""))
    raise of_mistakes((mistake,), error.code)


def _unavailable() -> Problem:
    return Problem(
        503,
        "planner_unavailable",
        "No worker for chores answered in time; is one running? A plan that is made is kept: ask again.",
        headers={"Retry-After": "10"},
    )
