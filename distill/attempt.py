"""One attempt of one job as it happens: phases, figures, checkpoints and the wish to stop."""

import contextlib
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
import torch
from torch import Tensor

from distill.channel import Events, StopAsked, StopLine
from distill.checkpoint import CheckpointUnreadable, State, read_checkpoint, write_checkpoint
from distill.config.events import CheckpointWritten, Measured, Phase, PhaseChanged, Warned
from distill.history import History, every_nth
from distill.progress import Progress
from distill.rejection import Rejected
from distill.train import Learner, Lesson, Step, train

log = structlog.get_logger()

FIRST_CHECKPOINT_AFTER_S = 5.0
LOOK_EVERY_S = 0.25
LOOK_EVERY_STEPS = 256
SHARE = "train.grad_share."
IGNORED_BELOW = 0.01
IGNORED_FOR = 5
"""Measurements in a row below `IGNORED_BELOW` after which a term counts as ignored."""
KEPT_CHECKPOINTS = 2


@dataclass(frozen=True)
class Trained:
    """A run that is over. `weights` are those that the job goes on with."""

    weights: dict[str, Tensor]
    steps: int
    chosen_step: int
    """The update whose weights these are."""
    validation_accuracy: float
    """After the last update."""


class Attempt:
    """What the phases of a job share."""

    def __init__(self, folder: Path, events: Events, stop: StopLine, *, fingerprint: str) -> None:
        self.folder = folder
        self.history = History()
        self.finished: dict[str, Trained] = {}
        self.warnings: dict[str, str] = {}
        self.progress = Progress(events)
        self._events = events
        self._stop = stop
        self._fingerprint = fingerprint
        self._interrupted: State | None = None
        self._checkpoints: list[Path] = []
        self._pending: list[tuple[Step, float]] = []
        self._shares: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=IGNORED_FOR))
        self._looked = 0.0

    @contextlib.contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """A phase begins and ends. Between phases the wish to stop is heeded."""
        self.heed()
        self._events.send(PhaseChanged(name=name, status="running"))
        log.info("phase_began", phase=name)
        began = time.monotonic()
        yield
        log.info("phase_ended", phase=name, seconds=round(time.monotonic() - began, 2))
        self._events.send(PhaseChanged(name=name, status="done"))
        self.progress.phase_over(name)

    def heed(self) -> None:
        """A safe point outside training, where the last checkpoint holds everything.

        Raises:
            StopAsked: the supervisor wished so.
        """
        if (wish := self._stop.wish()) is not None:
            raise StopAsked(wish)

    def warn(self, code: str, message: str) -> None:
        """Tell the user once that something is odd; the result repeats it."""
        if code not in self.warnings:
            self.warnings[code] = message
            log.warning(code, message=message)
            self._events.send(Warned(code=code, message=message))

    def resume(self, path: Path) -> None:
        """Stand where the checkpoint at `path` was written."""
        try:
            state = read_checkpoint(path)
        except CheckpointUnreadable as error:
            self.warn("checkpoint_unreadable", f"{error}; the job begins anew")
            return
        if state.facts["fingerprint"] != self._fingerprint:
            self.warn("checkpoint_foreign", "the checkpoint belongs to another job; this one begins anew")
            return
        self.history.restore(state.take("history"))
        for run, name in self.history.names():
            if name.startswith(SHARE):
                recent = self.history.curve(run, name)[-IGNORED_FOR:]
                self._shares[run, name.removeprefix(SHARE)].extend(share for _, share in recent)
        self.warnings.update(state.facts["warnings"])
        for run, facts in state.facts["finished"].items():
            self.finished[run] = Trained(weights=state.group(f"finished/{run}"), **facts)
        if "learner" in state.facts:
            self._interrupted = state
        log.info("resumed", run=state.facts["run"], finished=list(self.finished))

    def teach(self, phase: Phase, lesson: Lesson, beginner: Callable[[], Learner]) -> Trained:
        """Train one run, or go on with it, or take it as it is where an earlier attempt finished it.

        Raises:
            StopAsked: after a checkpoint.
            Rejected: `training_diverged`.
        """
        if lesson.run in self.finished:
            self._events.send(PhaseChanged(name=phase, status="done"))
            return self.finished[lesson.run]
        with self.phase(phase):
            learner = beginner()
            if self._interrupted is not None and self._interrupted.facts["run"] == lesson.run:
                learner.restore(self._interrupted.take("learner"))
            self._interrupted = None
            self._follow(phase, lesson, learner)
            weights = learner.chosen_weights()
            if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
                raise _diverged(lesson.run, "a weight", learner.step)
            assert learner.last_accuracy is not None
            trained = Trained(
                weights=weights,
                steps=learner.step,
                chosen_step=learner.best_step if learner.best_weights else learner.step,
                validation_accuracy=learner.last_accuracy,
            )
            self.finished[lesson.run] = trained
            self._save(phase, lesson.run, trained.steps, None)
        return trained

    def _follow(self, phase: Phase, lesson: Lesson, learner: Learner) -> None:
        every = lesson.training.checkpoint_every_s
        due = time.monotonic() + min(every, FIRST_CHECKPOINT_AFTER_S)
        for step in train(lesson, learner):
            self._pending.append((step, time.time()))
            wish = self._stop.wish()
            is_due = time.monotonic() >= due
            if wish is not None or is_due or self._should_look():
                self._look(lesson)
            self.progress.step(
                lesson.run,
                step.number,
                lesson.last_step,
                epoch=lesson.epoch(step.number),
                batch_size=lesson.training.batch_size,
            )
            if wish is not None or is_due:
                self._save(phase, lesson.run, step.number, learner)
                due = time.monotonic() + every
            if wish is not None:
                raise StopAsked(wish)
        self._look(lesson)

    def _should_look(self) -> bool:
        return len(self._pending) >= LOOK_EVERY_STEPS or self._pending[-1][1] - self._looked >= LOOK_EVERY_S

    def _look(self, lesson: Lesson) -> None:
        """Read the figures of the steps since the last look, and pass them on."""
        self._looked = time.time()
        if not self._pending:
            return
        figures = torch.stack([step.losses for step, _ in self._pending]).tolist()
        every = every_nth(lesson.steps)
        validations = every_nth(lesson.epoch(lesson.steps) + 1)
        for (step, at), (total, *parts) in zip(self._pending, figures, strict=True):
            if not math.isfinite(total):
                raise _diverged(lesson.run, "the loss", step.number)
            values = {"train.loss.total": total, "learning_rate": step.learning_rate}
            for term, value in zip(lesson.terms, parts, strict=True):
                values[f"train.loss.{term.kind}"] = value
            shares = {SHARE + kind: share for kind, share in step.shares.items()}
            accuracy = {}
            if step.validation_accuracy is not None:
                accuracy["validation.accuracy"] = step.validation_accuracy
            self._weigh(lesson, step.shares)
            self.history.add(lesson.run, step.number, values | shares | accuracy, at)
            shown = (values if step.number % every == 0 else {}) | shares
            if lesson.epoch(step.number) % validations == 0 or step.number == lesson.last_step:
                shown |= accuracy
                if accuracy:
                    facts = {"step": step.number, "loss": round(total, 4)}
                    log.info("validated", run=lesson.run, **facts, accuracy=step.validation_accuracy)
            if shown:
                self._events.send(Measured(run=lesson.run, step=step.number, time=at, values=shown))
        self._pending.clear()

    def _weigh(self, lesson: Lesson, shares: Mapping[str, float]) -> None:
        """Warn of a term that has given next to nothing of the gradient for a while."""
        for kind, share in shares.items():
            recent = self._shares[lesson.run, kind]
            recent.append(share)
            if len(recent) == IGNORED_FOR and max(recent) < IGNORED_BELOW:
                self.warn(
                    "term_ignored",
                    f"the loss '{kind}' gives {max(recent):.2%} of the gradient: raise its weight, or "
                    "leave it out",
                )

    def _save(self, phase: Phase, run: str, step: int, learner: Learner | None) -> None:
        state = State(
            facts={
                "fingerprint": self._fingerprint,
                "run": run,
                "warnings": self.warnings,
                "finished": {
                    name: {
                        "steps": trained.steps,
                        "chosen_step": trained.chosen_step,
                        "validation_accuracy": trained.validation_accuracy,
                    }
                    for name, trained in self.finished.items()
                },
            }
        )
        state.put("history", self.history.state())
        for name, trained in self.finished.items():
            state.tensors.update(
                {f"finished/{name}/{key}": tensor for key, tensor in trained.weights.items()}
            )
        if learner is not None:
            state.put("learner", learner.state())
        name = f"{run}-{step:09d}{'' if learner else '-done'}.checkpoint"
        written = write_checkpoint(self.folder / "out" / "checkpoints" / name, state)
        self._events.send(
            CheckpointWritten(
                path=str(written.path.relative_to(self.folder)),
                sha256=written.sha256,
                bytes=written.bytes,
                phase=phase,
                run=run,
                step=step,
            )
        )
        log.info("checkpoint_written", run=run, step=step, bytes=written.bytes)
        self._checkpoints.append(written.path)
        while len(self._checkpoints) > KEPT_CHECKPOINTS:
            self._checkpoints.pop(0).unlink(missing_ok=True)


def _diverged(run: str, what: str, step: int) -> Rejected:
    return Rejected(
        "training_diverged",
        "user",
        f"{what} of the run '{run}' was no finite number after update {step}",
        "lower the learning rate, or set training.max_grad_norm",
    )
