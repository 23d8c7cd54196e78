"""`python -m worker.sweep`: puts right what nobody else will. Any number may run; one at a time acts.

Takes back work whose lease is over, rings where work waits and a slot is free, and on a slower beat
collects garbage. Everything that it does is safe to do twice.
"""

import os
import secrets
import signal
import socket
import threading
import time
from dataclasses import dataclass
from types import FrameType

import redis
import structlog

from ledger import blobs, idempotency, workers
from ledger.database import Sessions, connect
from ledger.errors import DatabaseBusy, StoreUnavailable
from ledger.files import Store
from ledger.lifecycle.sweep import expire
from ledger.logs import configure
from ledger.queries import free_slots, waiting
from ledger.queue import Doorbell
from ledger.settings import Settings
from ledger.traces import Policy, retire

log = structlog.get_logger(__name__)

ROLE = "sweep"
_GARBAGE_EVERY_S = 600.0
_GARBAGE_AT_ONCE_S = 5.0
"""Of one beat: leases that run out are more urgent."""
_BEATS_HELD = 3
"""The role is another's after so many beats without us."""


@dataclass
class Sweep:
    """One process that may play the role of the sweep."""

    settings: Settings
    sessions: Sessions
    store: Store
    doorbell: Doorbell
    owner: str
    garbage_at: float = 0.0
    """When to look for garbage next (monotonic)."""

    def beat(self) -> bool:
        """One round, if the role is ours; whether it was. What fails is tried at the next beat."""
        try:
            if not self._expire():
                return False
            self._ring()
            if time.monotonic() >= self.garbage_at and self._collect():
                self.garbage_at = time.monotonic() + _GARBAGE_EVERY_S
        except (DatabaseBusy, StoreUnavailable, redis.RedisError) as error:
            log.warning("sweep_delayed", error=str(error))
        return True

    def leave(self) -> None:
        """Give the role up, so that another need not wait for the lease."""
        try:
            with self.sessions.writing() as session:
                workers.leave_role(session, ROLE, owner=self.owner)
        except DatabaseBusy as error:
            log.warning("role_not_left", error=str(error))

    def _expire(self) -> bool:
        every_s = self.settings.sweep_every.total_seconds()
        with self.sessions.writing() as session:
            if not workers.play(session, ROLE, owner=self.owner, lease_s=_BEATS_HELD * every_s):
                return False
            lanes = expire(session, retry_delay_s=self.settings.retry_delay.total_seconds())
        if lanes:
            log.warning("leases_expired", lanes=lanes)
        return True

    def _ring(self) -> None:
        """Ring where work waits unheard: only while no ring is on its way, once per free slot."""
        with self.sessions.reading() as session:
            waits, free = waiting(session), free_slots(session)
        for lane, count in waits.items():
            if self.doorbell.waiting(lane) == 0:
                for _ in range(min(count, free.get(lane, 0))):
                    self.doorbell.ring(lane)

    def _collect(self) -> bool:
        """Clear away what nobody needs any more; whether all of it is gone."""
        until = time.monotonic() + _GARBAGE_AT_ONCE_S
        for clear in (self._retire, self._collect_blobs):
            while clear():
                if time.monotonic() > until:
                    return False
        self.store.clear_partial()
        with self.sessions.writing() as session:
            idempotency.forget(session)
            workers.forget(session)
        return True

    def _retire(self) -> int:
        settings = self.settings
        policy = Policy(
            events_s=settings.keep_events.total_seconds(),
            metrics_s=settings.keep_metrics.total_seconds(),
            logs_s=settings.keep_logs.total_seconds(),
            checkpoints_s=settings.keep_checkpoints.total_seconds(),
        )
        return retire(self.sessions, policy)

    def _collect_blobs(self) -> int:
        return blobs.collect(self.sessions, self.store)


def main() -> None:
    """Sweep until SIGTERM."""
    settings = Settings()
    configure(settings.log_format)
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    sweep = Sweep(
        settings,
        connect(settings.database_url, pool_size=2),
        Store(settings.store_url, settings.store_options),
        Doorbell(settings.broker_url),
        owner=f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}",
    )
    while not ended.is_set():
        sweep.beat()
        ended.wait(settings.sweep_every.total_seconds())
    sweep.leave()
    sweep.doorbell.close()
    sweep.sessions.dispose()


if __name__ == "__main__":
    main()
