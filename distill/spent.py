"""What a job has spent so far: seconds of each phase, seconds and examples of each run."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

Seconds = dict[str, float]


class Spent:
    """Counts over all attempts. What an attempt did after its last checkpoint was lost is done again, and
    only that second time counts."""

    def __init__(self) -> None:
        self.examples: Counter[str] = Counter()
        """Shown to each run, repeated ones included."""
        self._phases: Seconds = {}
        self._runs: Seconds = {}
        self._under_way: list[tuple[Seconds, str, float]] = []

    def phase(self, name: str) -> contextlib.AbstractContextManager[None]:
        """What happens inside belongs to a phase."""
        return self._counted(self._phases, name)

    def run(self, name: str) -> contextlib.AbstractContextManager[None]:
        """What happens inside belongs to a run."""
        return self._counted(self._runs, name)

    def seconds_of_phases(self) -> Seconds:
        """In the order in which they began; of one that is under way, so far."""
        return self._so_far(self._phases)

    def seconds_of_runs(self) -> Seconds:
        """As `seconds_of_phases`."""
        return self._so_far(self._runs)

    def facts(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {
            "phases": self.seconds_of_phases(),
            "runs": self.seconds_of_runs(),
            "examples": dict(self.examples),
        }

    def restore(self, facts: dict[str, Any]) -> None:
        """Go on from where `facts` was taken. Phases that this attempt began before count too."""
        self.examples.update(facts["examples"])
        self._phases.update(facts["phases"])
        self._runs.update(facts["runs"])

    @contextlib.contextmanager
    def _counted(self, seconds: Seconds, name: str) -> Iterator[None]:
        seconds.setdefault(name, 0.0)
        entry = (seconds, name, time.monotonic())
        self._under_way.append(entry)
        try:
            yield
        finally:
            self._under_way.remove(entry)
            seconds[name] += time.monotonic() - entry[2]

    def _so_far(self, seconds: Seconds) -> Seconds:
        found = dict(seconds)
        now = time.monotonic()
        for whose, name, began in self._under_way:
            if whose is seconds:
                found[name] += now - began
        return found
