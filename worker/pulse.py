"""Whether a process gives a sign of life: an event, or more of its log."""

import time
from collections.abc import Sequence
from pathlib import Path

from distill.config.events import Event


class Pulse:
    """Feels for it whenever it is told what was heard. Its clock is monotonic."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._logged = 0
        self._felt_at = time.monotonic()

    def feel(self, events: Sequence[Event]) -> None:
        """Take in what the process said, which may be nothing."""
        logged = self._log.stat().st_size if self._log.exists() else 0
        if events or logged > self._logged:
            self._felt_at = time.monotonic()
        self._logged = logged

    def still_for(self) -> float:
        """Seconds since the last sign of life."""
        return time.monotonic() - self._felt_at
