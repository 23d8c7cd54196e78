"""The one Celery task: its name and its limits. What it does stands in `run` and `chores`."""

from collections.abc import Callable

import structlog
from celery import Celery

from ledger.errors import DatabaseBusy
from ledger.queue import TASK
from ledger.states import Lane
from worker.chores import run_chores
from worker.place import Place
from worker.run import run_jobs

log = structlog.get_logger(__name__)


def register(app: Celery, place: Callable[[], Place]) -> None:
    """Teach `app` to look for work: somebody rang, so do what waits until nothing is left.

    To look in vain is fine, and so is to look too often. `place` is asked in the pool process.
    """

    def look(lane: str) -> None:
        try:
            if lane == Lane.CHORES:
                run_chores(place())
            else:
                run_jobs(place())
        except DatabaseBusy as error:
            log.warning("looked_in_vain", lane=lane, error=str(error))  # the sweep rings again

    app.task(look, name=TASK, ignore_result=True, acks_late=False, max_retries=0, time_limit=None)
