"""A lease that is kept while its work goes on, and the end of the work when it cannot be kept.

Two threads, because the one that talks to the database may hang in it: the first renews, the second
only watches the clock and cuts off. Both clocks are monotonic, and a renewal counts from before it
was sent.
"""

import threading
import time
from collections.abc import Callable
from typing import Self

import structlog

from ledger.errors import HoldLost
from ledger.lifecycle import Wish
from ledger.settings import Settings

log = structlog.get_logger(__name__)

Renew = Callable[[], Wish | None]
"""Renews once and answers what the user wishes of the work meanwhile."""


class Lease:
    """Held from the claim to the last write; `cut_off` is called once, when it is lost."""

    def __init__(self, renew: Renew, settings: Settings, *, claimed_at: float) -> None:
        self.wish: Wish | None = None
        self.cut_off: Callable[[], None] = lambda: None
        self._renew = renew
        self._every = settings.renew_every.total_seconds()
        self._give_up_after = settings.give_up_after.total_seconds()
        self._renewed_at = claimed_at
        self._lost = threading.Event()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, name="lease-keeper", daemon=True),
            threading.Thread(target=self._watch, name="lease-watch", daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Renew no more: the last write is next, and it gives the lease up."""
        self._closed.set()

    @property
    def held(self) -> bool:
        """Whether we may still write. Judged by the clock too: we may have been frozen."""
        return not self._lost.is_set() and self._left() > 0

    def renewed(self, sent_at: float, wish: Wish | None) -> None:
        """Note a renewal that was sent at `sent_at` (monotonic) and went through."""
        self._renewed_at = max(self._renewed_at, sent_at)
        self.hear(wish)

    def hear(self, wish: Wish | None) -> None:
        """Note what the user wishes. A wish is never taken back."""
        self.wish = wish or self.wish

    def lose(self, why: str) -> None:
        """Cut the work off; nothing is written after this."""
        if not self._lost.is_set() and not self._closed.is_set():
            self._lost.set()
            log.error("lease_lost", why=why)
            self.cut_off()

    def _keep(self) -> None:
        while not self._closed.wait(self._every - (time.monotonic() - self._renewed_at)):
            if not self.held:
                return
            sent_at = time.monotonic()
            try:
                self.renewed(sent_at, self._renew())
            except HoldLost:
                self.lose("another worker may have it now")
                return
            except Exception as error:
                log.warning("lease_not_renewed", error=str(error))
                self._closed.wait(self._every / 10)

    def _watch(self) -> None:
        while not self._closed.wait(max(0.0, self._left())):
            if self._left() <= 0:
                self.lose(f"not renewed for {self._give_up_after:.0f} s")
                return

    def _left(self) -> float:
        return self._give_up_after - (time.monotonic() - self._renewed_at)
