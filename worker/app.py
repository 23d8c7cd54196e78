"""The Celery worker: a few processes that wait for the doorbell, each with a slot for one child.

No tensor operation ever runs in one of them. Their parent says every ten seconds that the worker is
alive, and at its end tells its pool through a pipe made before the fork.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from billiard import current_process, pool
from celery import Celery, signals

from ledger import workers
from ledger.database import Sessions, connect
from ledger.errors import DatabaseBusy
from ledger.files import Store
from ledger.queue import Doorbell, celery_settings
from ledger.settings import Settings
from ledger.states import Lane
from worker import machine, tasks
from worker.place import Place
from worker.sandbox import Sandbox

log = structlog.get_logger(__name__)

_ANNOUNCE_EVERY_S = 10.0
_UNREAD_RESULTS_TENTHS = 10
"""How many tenths of a second a pool process waits at its end for Celery to read what its tasks
returned. Ours return nothing, and Celery may have stopped reading: its own limit holds a worker up
for 30 s now and then."""


@dataclass(frozen=True)
class Crew:
    """What one Celery worker is: its name, the lanes it serves, and its slots."""

    settings: Settings
    name: str
    lanes: tuple[Lane, ...]
    sandbox: Sandbox

    @property
    def slots(self) -> int:
        return self.settings.concurrency

    def lanes_of(self, slot: int) -> tuple[str, ...]:
        """The lanes of one slot: that of the GPU jobs only where it owns a GPU."""
        return tuple(lane for lane in self.lanes if lane != Lane.GPU or self.device_of(slot) is not None)

    def device_of(self, slot: int) -> str | None:
        """The GPU of one slot. Slots beyond the last GPU have none."""
        devices = self.settings.devices if Lane.GPU in self.lanes else []
        return devices[slot] if slot < len(devices) else None


def create_app(crew: Crew) -> Celery:
    """The Celery application of this worker. Call it before anything forks."""
    app = Celery("limbeck")
    app.conf.update(celery_settings(crew.settings.broker_url))
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = _UNREAD_RESULTS_TENTHS
    hears, says = os.pipe()
    slot = _Slot(crew, drain=hears)
    tasks.register(app, slot.place)
    herald = _Herald(crew)

    def begin_slot(**_: Any) -> None:
        slot.open(current_process().index)

    def begin(**_: Any) -> None:
        herald.start()

    def drain(**_: Any) -> None:
        os.write(says, b".")  # nobody reads it: so it stays readable for every process of the pool

    def end(**_: Any) -> None:
        herald.stop()

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
            sessions=connect(settings.database_url, pool_size=2),
            store=Store(settings.store_url, settings.store_options),
            sandbox=self._crew.sandbox,
            worker=self._crew.name,
            lanes=self._crew.lanes_of(index),
            device=self._crew.device_of(index),
            drain=self._drain,
        )

    def place(self) -> Place:
        assert self._place is not None, "a task ran outside the pool"
        return self._place


class _Herald:
    """Says in the ledger that the worker is alive, from a thread of the pool's parent."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="herald", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_ANNOUNCE_EVERY_S)

    def _repeat(self) -> None:
        sessions = connect(self._crew.settings.database_url, pool_size=1)
        self._announce(sessions)
        self._ring()
        while not self._ended.wait(_ANNOUNCE_EVERY_S):
            self._announce(sessions)
        try:
            with sessions.writing() as session:
                workers.depart(session, self._crew.name)
        except DatabaseBusy as error:
            log.warning("not_departed", error=str(error))
        sessions.dispose()

    def _ring(self) -> None:
        """Look at once for what waits since before we came, instead of at the next sweep."""
        doorbell = Doorbell(self._crew.settings.broker_url)
        for lane in self._crew.lanes * self._crew.slots:
            doorbell.ring(lane)
        doorbell.close()

    def _announce(self, sessions: Sessions) -> None:
        crew = self._crew
        served = {lane for slot in range(crew.slots) for lane in crew.lanes_of(slot)}
        try:
            with sessions.writing() as session:
                workers.announce(
                    session,
                    name=crew.name,
                    lanes=sorted(served),
                    slots=crew.slots,
                    devices=[device for slot in range(crew.slots) if (device := crew.device_of(slot))],
                    memory_bytes=crew.settings.job_memory_bytes or machine.memory_bytes(),
                    sandbox=crew.sandbox.kind,
                )
        except DatabaseBusy as error:
            log.warning("not_announced", error=str(error))


def _leave_logging_alone(**_: Any) -> None:
    """That somebody listens to this signal keeps Celery from setting up logging of its own."""
