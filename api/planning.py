"""The dry run: a chore of the workers, waited for."""

import time

from starlette.concurrency import run_in_threadpool

from api.chores import answered, refusal
from api.dependencies import House
from api.problems import Problem
from api.schemas.jobs import PlanRead
from distill.config.job import JobDocument
from ledger import lifecycle
from ledger.errors import InputsNotReady
from ledger.queries import Head
from ledger.resolve import resolve
from ledger.states import InputStatus
from ledger.tables import Chore

_PATIENCE_S = 30.0


async def plan(house: House, project_id: str, document: JobDocument) -> PlanRead:
    """What the job would be. The same question is answered from what is known.

    Raises:
        Problem: 422 where the job cannot be; 503 where nobody could tell in time.
        InputsNotReady: an input is still being inspected at the end of the wait.
    """
    deadline = time.monotonic() + _PATIENCE_S
    chore = await _asked(house, project_id, document, deadline)
    over = await answered(house, chore, within=deadline - time.monotonic())
    if over is None:
        raise _unavailable()
    return _answer(over)


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


def _inspected(head: Head | None) -> bool:
    return head is None or head.status != InputStatus.INSPECTING


def _answer(chore: Chore) -> PlanRead:
    if chore.result is not None:
        planned = dict(chore.result)
        spec = {**chore.request, "stages": planned.pop("stages")}
        return PlanRead.model_validate({**planned, "resolved_spec": spec})
    raise refusal(chore)


def _unavailable() -> Problem:
    return Problem(
        503,
        "planner_unavailable",
        "No worker for chores answered in time; is one running? A plan that is made is kept: ask again.",
        headers={"Retry-After": "10"},
    )
