"""Requests that wait for a chore of the workers, and what they say where it came to nothing."""

import time

from starlette.concurrency import run_in_threadpool

from api.dependencies import House
from api.problems import Mistake, Problem, of_mistakes
from api.schemas.inputs import Rejection
from ledger import queries
from ledger.queries import Head
from ledger.states import ChoreStatus, Lane
from ledger.tables import Chore

_OVER = (ChoreStatus.DONE, ChoreStatus.FAILED)


async def answered(house: House, chore: Chore, *, within: float) -> Chore | None:
    """The chore once it is over; None where that takes longer than `within` seconds."""
    deadline = time.monotonic() + within
    if chore.status == ChoreStatus.QUEUED:
        house.doorbell.ring(Lane.CHORES)
    while chore.status not in _OVER:
        left = deadline - time.monotonic()
        if left <= 0 or not await house.watch.change(chore.id, until=_over, within=left):
            return None
        chore = await run_in_threadpool(_look_again, house, chore)
    return chore


def refusal(chore: Chore) -> Problem:
    """Why a chore failed: the fault of what was asked, or ours, and then it may be asked again."""
    error = Rejection.model_validate(chore.error)
    detail = f"{error.message}; {error.hint}" if error.hint else error.message
    if error.class_ not in ("user", "data", "resource"):
        return Problem(503, error.code, detail, headers={"Retry-After": "10"})
    mistake = Mistake(detail, error.code, pointer=error.details.get("pointer", ""))
    return of_mistakes((mistake,), error.code)


def _look_again(house: House, chore: Chore) -> Chore:
    with house.sessions.reading() as session:
        return queries.get_chore(session, chore.project_id, chore.id)


def _over(head: Head | None) -> bool:
    return head is None or head.status in _OVER
