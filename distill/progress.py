"""How far a job is, over all its phases, and how long the rest may take."""

import time
from collections.abc import Mapping

from distill.channel import Events
from distill.config.events import Progressed

LEAST_S_BETWEEN = 1.0
BEFORE_TRAINING = 0.02
AFTER_TRAINING = 0.94
REACHED = {"evaluating": 0.97, "exporting": 0.98, "verifying": 1.0}
"""What part of the job is over when a phase is; the rest belongs to the training phases."""


class Progress:
    """Sends at most one progress event a second, and one when a run begins. The fraction never falls.

    `costs` says what one update of each run costs, in any one unit, and `steps` how many there are.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._costs: dict[str, float] = {}
        self._total = 1.0
        self._done_at_start: float | None = None
        self._started = self._last_sent = float("-inf")
        self._last = Progressed(fraction=0, step=0, total_steps=0, epoch=0, examples_per_s=None, eta_s=None)
        self._counted = (0.0, 0)
        self._pacing_run: str | None = None
        self._per_step: dict[str, float] = {}

    def plan(self, costs: Mapping[str, float], steps: Mapping[str, int]) -> None:
        """What lies ahead: the runs in the order in which they will be trained."""
        self._costs = {run: costs[run] * steps[run] for run in steps}
        self._per_step = dict(costs)
        self._total = sum(self._costs.values()) or 1.0

    def step(self, run: str, step: int, total_steps: int, *, epoch: int, batch_size: int) -> None:
        """One update of `run` is over."""
        now = time.monotonic()
        begins = self._pacing_run != run
        if now - self._last_sent < LEAST_S_BETWEEN and step < total_steps and not begins:
            return
        earlier = list(self._costs)[: list(self._costs).index(run)]
        done = sum(self._costs[name] for name in earlier) + self._per_step[run] * step
        fraction = BEFORE_TRAINING + (AFTER_TRAINING - BEFORE_TRAINING) * done / self._total
        self._send(
            Progressed(
                fraction=max(self._last.fraction, min(fraction, AFTER_TRAINING)),
                step=step,
                total_steps=total_steps,
                epoch=epoch,
                examples_per_s=self._pace(now, run, step, batch_size),
                eta_s=self._eta(now, done),
            )
        )

    def phase_over(self, phase: str) -> None:
        """A phase is done; those that are not training have a fixed share."""
        if phase in REACHED:
            fraction = max(self._last.fraction, REACHED[phase])
            self._send(self._last.model_copy(update={"fraction": fraction, "eta_s": None}))

    def _send(self, event: Progressed) -> None:
        self._last, self._last_sent = event, time.monotonic()
        self._events.send(event)

    def _pace(self, now: float, run: str, step: int, batch_size: int) -> float | None:
        """Examples a second since the last event of the same run."""
        (then, before), self._counted = self._counted, (now, step)
        if self._pacing_run != run or now <= then or step <= before:
            self._pacing_run = run
            return None
        return (step - before) * batch_size / (now - then)

    def _eta(self, now: float, done: float) -> float | None:
        if self._done_at_start is None:
            self._done_at_start, self._started = done, now
            return None
        worked = done - self._done_at_start
        return (self._total - done) / worked * (now - self._started) if worked > 0 else None
