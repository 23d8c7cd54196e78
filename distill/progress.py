"""How far a job is, over all its phases, and how long the rest may take."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from distill.channel import Events
from distill.config.events import Progressed

LEAST_S_BETWEEN = 1.0
BEFORE_TRAINING = 0.02
AFTER_TRAINING = 0.94
REACHED = {"evaluating": 0.97, "exporting": 0.98, "verifying": 1.0}
"""What part of the job is over when a phase is; the rest belongs to the training phases."""
GATHERING = "gathering"
"""Stands for a run where the teacher's answers are gathered; an update is one example there."""


@dataclass(frozen=True)
class Part:
    """Work that lies ahead: one stage of one run, or what is gathered before."""

    run: str
    stage: int
    updates: int
    cost: float
    """Of one update, in any one unit."""


class Progress:
    """Sends at most one progress event a second, and one when a run begins. The fraction never falls."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._parts: Sequence[Part] = ()
        self._total = 1.0
        self._done_at_start: float | None = None
        self._started = self._last_sent = float("-inf")
        self._last = Progressed(fraction=0, step=0, total_steps=0, epoch=0, examples_per_s=None, eta_s=None)
        self._counted = (0.0, 0)
        self._pacing_run: str | None = None

    def plan(self, parts: Sequence[Part]) -> None:
        """What lies ahead, in the order in which it will be done."""
        self._parts = parts
        self._total = sum(part.cost * part.updates for part in parts) or 1.0

    def step(self, run: str, stage: int, in_stage: int, *, number: int, epoch: int, examples: int) -> None:
        """One update of `run` is over: `in_stage` counts those of its stage, `number` all of the run.
        `examples` is what an update takes."""
        now = time.monotonic()
        begins = self._pacing_run != run
        total_steps = sum(part.updates for part in self._parts if part.run == run)
        if now - self._last_sent < LEAST_S_BETWEEN and number < total_steps and not begins:
            return
        done = self._done(run, stage, in_stage)
        fraction = BEFORE_TRAINING + (AFTER_TRAINING - BEFORE_TRAINING) * done / self._total
        self._send(
            Progressed(
                fraction=max(self._last.fraction, min(fraction, AFTER_TRAINING)),
                step=number,
                total_steps=total_steps,
                epoch=epoch,
                examples_per_s=self._pace(now, run, number, examples),
                eta_s=self._eta(now, done),
            )
        )

    def _done(self, run: str, stage: int, in_stage: int) -> float:
        done = 0.0
        for part in self._parts:
            if (part.run, part.stage) == (run, stage):
                return done + part.cost * in_stage
            done += part.cost * part.updates
        raise KeyError(run)

    def phase_over(self, phase: str) -> None:
        """A phase is done; those that are not training have a fixed share."""
        if phase in REACHED:
            fraction = max(self._last.fraction, REACHED[phase])
            self._send(self._last.model_copy(update={"fraction": fraction, "eta_s": None}))

    def _send(self, event: Progressed) -> None:
        self._last, self._last_sent = event, time.monotonic()
        self._events.send(event)

    def _pace(self, now: float, run: str, step: int, examples: int) -> float | None:
        """Examples a second since the last event of the same run."""
        (then, before), self._counted = self._counted, (now, step)
        if self._pacing_run != run or now <= then or step <= before:
            self._pacing_run = run
            return None
        return (step - before) * examples / (now - then)

    def _eta(self, now: float, done: float) -> float | None:
        if self._done_at_start is None:
            self._done_at_start, self._started = done, now
            return None
        worked = done - self._done_at_start
        return (self._total - done) / worked * (now - self._started) if worked > 0 else None
