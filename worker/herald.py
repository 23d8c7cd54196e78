"""Says in the ledger that a worker is alive."""

import select
import threading

import structlog

from ledger import workers
from ledger.database import Sessions
from ledger.errors import DatabaseBusy
from worker import machine
from worker.crew import Crew

log = structlog.get_logger(__name__)

_ANNOUNCE_EVERY_S = 10.0


class Herald:
    """A thread that speaks for the whole crew, in the process of its first slot.

    Not in their parent, though that lives longer: SQLite keeps in the memory of a process which locks
    it holds, a fork copies that, and a slot that is forked in the middle of its parent's transaction
    waits for ever for a lock that it thinks is its own.
    """

    def __init__(self, crew: Crew, sessions: Sessions, *, drain: int) -> None:
        self._crew = crew
        self._sessions = sessions
        self._drain = drain

    def start(self) -> None:
        threading.Thread(target=self._repeat, name="herald", daemon=True).start()

    def _repeat(self) -> None:
        """Until the worker shuts down: the last word is then its parent's."""
        self._announce()
        while not select.select([self._drain], [], [], _ANNOUNCE_EVERY_S)[0]:
            self._announce()

    def _announce(self) -> None:
        crew = self._crew
        served = {lane for slot in range(crew.slots) for lane in crew.lanes_of(slot)}
        try:
            with self._sessions.writing() as session:
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


def depart(crew: Crew, sessions: Sessions) -> None:
    """The worker has ended in good order."""
    try:
        with sessions.writing() as session:
            workers.depart(session, crew.name)
    except DatabaseBusy as error:
        log.warning("not_departed", error=str(error))
