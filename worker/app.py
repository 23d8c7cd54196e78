"""The Celery worker: a few processes that wait for the doorbell, each with a slot for one child.

No tensor operation ever runs in one of them. The first says every ten seconds that the worker is alive.
Their parent, which forks them, opens no database before the last of them is gone; at its end it tells
its pool through a pipe made before the fork.
"""

import os
from collections.abc import Sequence
from typing import Any

from billiard import current_process, pool
from celery import Celery, signals

from ledger.database import connect
from ledger.files import Store
from ledger.queue import Doorbell, celery_settings
from worker import tasks
from worker.crew import Crew
from worker.herald import Herald, depart
from worker.place import Place

_UNREAD_RESULTS_TENTHS = 10
"""How many tenths of a second a pool process waits at its end for Celery to read what its tasks
returned. Ours return nothing, and Celery may have stopped reading: its own limit holds a worker up
for 30 s now and then."""


def create_app(crew: Crew) -> Celery:
    """The Celery application of this worker. Call it before anything forks."""
    app = Celery("limbeck")
    app.conf.update(celery_settings(crew.settings.broker_url))
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = _UNREAD_RESULTS_TENTHS
    hears, says = os.pipe()
    slot = _Slot(crew, drain=hears)
    tasks.register(app, slot.place)

    def begin_slot(**_: Any) -> None:
        slot.open(current_process().index)

    def begin(**_: Any) -> None:
        _ring(crew)

    def drain(**_: Any) -> None:
        os.write(says, b".")  # nobody reads it: so it stays readable for every process of the pool

    def end(**_: Any) -> None:
        sessions = connect(crew.settings.database_url, pool_size=1)
        depart(crew, sessions)
        sessions.dispose()

    # Celery keeps weak references to receivers unless told otherwise.
    signals.worker_process_init.connect(begin_slot, weak=False)
    signals.worker_ready.connect(begin, weak=False)
    signals.worker_shutting_down.connect(drain, weak=False)
    signals.worker_shutdown.connect(end, weak=False)
    signals.setup_logging.connect(_leave_logging_alone, weak=False)
    return app


def arguments(crew: Crew) -> Sequence[str]:
    """The command line of `celery worker` for this crew."""
    return [
        "worker",
        "--pool=prefork",
        f"--concurrency={crew.slots}",
        f"--queues={','.join(crew.lanes)}",
        f"--hostname={crew.name}",
        "--disable-prefetch",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
        "--loglevel=warning",
    ]


class _Slot:
    """The place of one pool process, opened after the fork: connections do not survive one."""

    def __init__(self, crew: Crew, *, drain: int) -> None:
        self._crew = crew
        self._drain = drain
        self._place: Place | None = None

    def open(self, index: int) -> None:
        settings = self._crew.settings
        self._place = Place(
            settings=settings,
            sessions=connect(settings.database_url, pool_size=3),
            store=Store(settings.store_url, settings.store_options),
            sandbox=self._crew.sandbox,
            worker=self._crew.name,
            lanes=self._crew.lanes_of(index),
            device=self._crew.device_of(index),
            drain=self._drain,
        )
        if index == 0:
            Herald(self._crew, self._place.sessions, drain=self._drain).start()

    def place(self) -> Place:
        assert self._place is not None, "a task ran outside the pool"
        return self._place


def _ring(crew: Crew) -> None:
    """Look at once for what waits since before we came, instead of at the next sweep."""
    doorbell = Doorbell(crew.settings.broker_url)
    for lane in crew.lanes * crew.slots:
        doorbell.ring(lane)
    doorbell.close()


def _leave_logging_alone(**_: Any) -> None:
    """That somebody listens to this signal keeps Celery from setting up logging of its own."""
