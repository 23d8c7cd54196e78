"""Whether the service can do its work: each part is really used, not asked how it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import structlog

from ledger.database import Sessions
from ledger.files import Store
from ledger.queue import Doorbell
from ledger.workers import play

log = structlog.get_logger()

_REMEMBERED_S = 1.0
"""Anybody may ask, so that asking a thousand times must not be a thousand writes."""


@dataclass(frozen=True)
class Checks:
    """What each part said: `ok`, or what is wrong."""

    database: str
    broker: str
    store: str

    @property
    def passed(self) -> bool:
        return set(vars(self).values()) == {"ok"}


class Readiness:
    """Checks at most once a second, whoever asks."""

    def __init__(self, sessions: Sessions, store: Store, doorbell: Doorbell) -> None:
        self._sessions = sessions
        self._store = store
        self._doorbell = doorbell
        self._lock = Lock()
        self._known: tuple[float, Checks] | None = None

    def checks(self) -> Checks:
        """A write to the database, a round trip to the broker, a few bytes into the store and out."""
        with self._lock:
            if self._known is None or time.monotonic() > self._known[0]:
                found = Checks(
                    database=_outcome("database", self._write),
                    broker=_outcome("broker", self._doorbell.ping),
                    store=_outcome("store", self._store.probe),
                )
                self._known = (time.monotonic() + _REMEMBERED_S, found)
            return self._known[1]

    def _write(self) -> None:
        with self._sessions.writing() as session:
            play(session, "readiness", owner="api", lease_s=0)


def _outcome(part: str, use: Callable[[], object]) -> str:
    try:
        use()
    except Exception as error:  # whatever it is, the part cannot be used; the log has the details
        log.warning("not_ready", part=part, error=repr(error))
        return f"failed: {type(error).__name__}"
    return "ok"
