"""What is told of a training: every figure of every update is kept, some are passed on at once."""

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
import torch

from distill.config.events import Measured
from distill.config.schedules import WeightOfShare, largest
from distill.history import History, every_nth
from distill.lesson import Course, Lesson
from distill.rejection import Rejected
from distill.train import Step

log = structlog.get_logger()

LOOK_EVERY_S = 0.25
LOOK_EVERY_STEPS = 256
SHARE = "train.grad_share."
IGNORED_BELOW = 0.01
IGNORED_FOR = 5
"""Measurements in a row below `IGNORED_BELOW` after which a term counts as ignored."""


class Sink(Protocol):
    """Takes the figures that are passed on."""

    def send(self, event: Measured) -> None: ...


@dataclass(frozen=True)
class Entry:
    """One update of one run, its losses not read yet."""

    course: Course
    lesson: Lesson
    step: Step
    time: float


class Journal:
    """Reads the losses of many updates at once, because each look waits for the device."""

    def __init__(self, history: History, sink: Sink, warn: Callable[[str, str], None]) -> None:
        self._history = history
        self._sink = sink
        self._warn = warn
        self._pending: list[Entry] = []
        self._looked = 0.0
        self._shares: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=IGNORED_FOR))

    def state(self) -> list[list[Any]]:
        """What it goes by in warning of a term, ready for JSON."""
        return [[run, kind, list(recent)] for (run, kind), recent in self._shares.items()]

    def restore(self, state: list[list[Any]]) -> None:
        """Stand again where `state` was taken."""
        for run, kind, recent in state:
            self._shares[run, kind].extend(recent)

    def note(self, course: Course, lesson: Lesson, step: Step) -> None:
        """Take in one update, and look where many wait or some have waited for long.

        Raises:
            Rejected: `training_diverged`.
        """
        self._pending.append(Entry(course, lesson, step, time.time()))
        if len(self._pending) >= LOOK_EVERY_STEPS or self._pending[-1].time - self._looked >= LOOK_EVERY_S:
            self.look()

    def look(self) -> None:
        """Read everything that waits.

        Raises:
            Rejected: `training_diverged`.
        """
        self._looked = time.time()
        if not self._pending:
            return
        losses = torch.cat([entry.step.losses for entry in self._pending]).tolist()
        for entry in self._pending:
            own, losses = losses[: len(entry.step.losses)], losses[len(entry.step.losses) :]
            self._keep(entry, own)
        self._pending.clear()

    def _keep(self, entry: Entry, losses: list[float]) -> None:
        course, step = entry.course, entry.step
        if not math.isfinite(losses[0]):
            raise diverged(course.run, "the loss", step.number)
        values = _values(entry, losses)
        shares = {SHARE + kind: share for kind, share in step.shares.items()}
        validation = {}
        if step.validation is not None:
            validation[f"validation.{entry.lesson.science.main_figure}"] = step.validation
        self._history.add(course.run, step.number, values | shares | validation, entry.time)
        self._weigh(entry)

        shown = dict(shares)
        if step.number % every_nth(course.steps) == 0:
            shown |= values
        if validation and _shows_validation(entry):
            shown |= validation
            log.info("validated", run=course.run, step=step.number, loss=round(losses[0], 4), **validation)
        if shown:
            self._sink.send(Measured(run=course.run, step=step.number, time=entry.time, values=shown))

    def _weigh(self, entry: Entry) -> None:
        """Warn of a term that has given next to nothing of the gradient for a while."""
        for kind, share in entry.step.shares.items():
            if not _is_in_force(entry, kind):
                continue
            recent = self._shares[entry.course.run, kind]
            recent.append(share)
            if len(recent) == IGNORED_FOR and max(recent) < IGNORED_BELOW:
                self._warn(
                    "term_ignored",
                    f"the loss '{kind}' gives {max(recent):.2%} of the gradient: raise its weight, or "
                    "leave it out",
                )


def diverged(run: str, what: str, step: int) -> Rejected:
    """The refusal of a run whose figures are no numbers any more."""
    return Rejected(
        "training_diverged",
        "user",
        f"{what} of the run '{run}' was no finite number after update {step}",
        "lower the learning rate, or set training.max_grad_norm",
    )


def _is_in_force(entry: Entry, kind: str) -> bool:
    """Whether a term is meant to count now: one that a job warms up, or lets fade, is to be small then."""
    (weight,) = (term.weight for term in entry.lesson.terms if term.kind == kind)
    return isinstance(weight, WeightOfShare) or entry.step.weights[kind] >= largest(weight) / 2


def _values(entry: Entry, losses: list[float]) -> dict[str, float]:
    """The figures that every update has. A weight that is given as a number is no figure."""
    step, terms = entry.step, entry.lesson.terms
    values = {"train.loss.total": losses[0], "learning_rate": step.learning_rate}
    for term, loss in zip(terms, losses[1:], strict=True):
        values[f"train.loss.{term.kind}"] = loss
        if not isinstance(term.weight, float | int):
            values[f"train.weight.{term.kind}"] = step.weights[term.kind]
    return values


def _shows_validation(entry: Entry) -> bool:
    """Every n-th epoch of the run, and the end of each stage."""
    lesson, at = entry.lesson, entry.step.in_stage
    return at == lesson.last_step or lesson.epoch(at) % every_nth(entry.course.epochs + 1) == 0
