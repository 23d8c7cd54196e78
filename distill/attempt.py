"""One attempt of one job as it happens: phases, runs, checkpoints and the wish to stop."""

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import structlog
import torch

from distill.channel import Events, StopAsked, StopLine
from distill.checkpoint import CheckpointUnreadable, State, read_checkpoint, write_checkpoint
from distill.config.events import CheckpointWritten, Phase, PhaseChanged, Warned
from distill.config.networks import Network
from distill.history import History
from distill.journal import Journal, diverged
from distill.lesson import Course
from distill.progress import GATHERING, Progress
from distill.spent import Spent
from distill.study import Study, Trained
from distill.train import Step

log = structlog.get_logger()

FIRST_CHECKPOINT_AFTER_S = 5.0
KEPT_CHECKPOINTS = 2


class Attempt:
    """What the phases of a job share."""

    def __init__(self, folder: Path, events: Events, stop: StopLine, *, fingerprint: str) -> None:
        self.folder = folder
        self.history = History()
        self.spent = Spent()
        self.finished: dict[str, Trained] = {}
        self.warnings: dict[str, str] = {}
        self.found: dict[str, Any] = {}
        """What was decided once in the job and holds for every attempt at it, ready for JSON."""
        self.progress = Progress(events)
        self.network_of: Callable[[str], Network] | None = None
        """Tells the record of a run's network, once the job is opened: a checkpoint can be taken home."""
        self._events = events
        self._stop = stop
        self._journal = Journal(self.history, events, self.warn)
        self._fingerprint = fingerprint
        self._interrupted: State | None = None
        self._checkpoints: list[Path] = []

    @contextlib.contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """A phase begins and ends. Between phases the wish to stop is heeded."""
        self.heed()
        self._events.send(PhaseChanged(name=name, status="running"))
        log.info("phase_began", phase=name)
        began = time.monotonic()
        with self.spent.phase(name):
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
        if "spent" in state.facts:  # checkpoints of an older version tell nothing of it
            self.spent.restore(state.facts["spent"])
        self._journal.restore(state.facts["journal"])
        self.warnings.update(state.facts["warnings"])
        self.found.update(state.facts.get("found", {}))  # of an older version, no checkpoint has it
        for run, facts in state.facts["finished"].items():
            self.finished[run] = Trained(weights=state.group(f"finished/{run}"), **facts)
        if "study" in state.facts:
            self._interrupted = state
        log.info("resumed", run=state.facts["run"], finished=list(self.finished))

    def teach(self, phase: Phase, courses: Iterable[Course]) -> None:
        """Train each run, or go on with it; one that an earlier attempt finished is left as it is.

        A course is asked for when the run before it is finished, so that it can build on that. A phase
        whose runs are all finished is over at once; one without runs is no phase.

        Raises:
            StopAsked: after a checkpoint.
            Rejected: `training_diverged`.
        """
        began = was_finished = False
        with contextlib.ExitStack() as stack:
            for course in courses:
                if course.run in self.finished:
                    was_finished = True
                    continue
                if not began:
                    stack.enter_context(self.phase(phase))
                    began = True
                with self.spent.run(course.run):
                    self._take(phase, course)
        if was_finished and not began:
            self._events.send(PhaseChanged(name=phase, status="done"))

    def note_gathered(self, examples: int) -> None:
        """So many of the teacher's answers are there.

        Raises:
            StopAsked: they will be asked for again.
        """
        self.heed()
        self.progress.step(GATHERING, 0, examples, number=examples, epoch=0, examples=1)

    def _take(self, phase: Phase, course: Course) -> None:
        """Take one course to its end."""
        study = Study(course, self._left_off(course))
        due = time.monotonic() + min(study.lesson.training.checkpoint_every_s, FIRST_CHECKPOINT_AFTER_S)
        for lesson in study.lessons():
            for step in study.updates():
                self._note(study, step)
                wish = self._stop.wish()
                is_due = time.monotonic() >= due
                if wish is not None or is_due:
                    self._journal.look()
                    self._save(phase, course.run, step.number, _figure(study), study)
                    due = time.monotonic() + lesson.training.checkpoint_every_s
                if wish is not None:
                    raise StopAsked(wish)
            self._journal.look()
        for run, trained in study.trained().items():
            if not all(bool(torch.isfinite(tensor).all()) for tensor in trained.weights.values()):
                raise diverged(run, "a weight", trained.steps)
            self.finished[run] = trained
        self._save(phase, course.run, self.finished[course.run].steps, _figure(study), None)

    def _left_off(self, course: Course) -> State | None:
        """Where an earlier attempt was interrupted, if that was in this course."""
        state, self._interrupted = self._interrupted, None
        return state.take("study") if state is not None and state.facts["run"] == course.run else None

    def _note(self, study: Study, step: Step) -> None:
        course, lesson = study.course, study.lesson
        self._journal.note(course, lesson, step)
        self.spent.examples[course.run] += lesson.training.batch_size
        if step.peer is not None and course.peer is not None:
            self._journal.note(course.peer, course.peer.lessons[study.stage], step.peer)
            self.spent.examples[course.peer.run] += course.peer.lessons[study.stage].training.batch_size
        self.progress.step(
            course.run,
            study.stage,
            step.in_stage,
            number=step.number,
            epoch=lesson.epoch(step.in_stage),
            examples=lesson.training.batch_size,
        )

    def _save(self, phase: Phase, run: str, step: int, figure: float | None, study: Study | None) -> None:
        """Write a checkpoint: of a run in the middle where `study` is given, else at the end of one."""
        state = State(
            facts={
                "fingerprint": self._fingerprint,
                "run": run,
                "step": step,
                "network": self.network_of(run).model_dump(mode="json") if self.network_of else None,
                "journal": self._journal.state(),
                "warnings": self.warnings,
                "found": self.found,
                "spent": self.spent.facts(),
                "finished": {name: trained.facts() for name, trained in self.finished.items()},
            }
        )
        state.put("history", self.history.state())
        for name, trained in self.finished.items():
            state.tensors.update(
                {f"finished/{name}/{key}": tensor for key, tensor in trained.weights.items()}
            )
        if study is not None:
            state.put("study", study.state())
        name = f"{run}-{step:09d}{'' if study else '-done'}.checkpoint"
        written = write_checkpoint(self.folder / "out" / "checkpoints" / name, state)
        self._events.send(
            CheckpointWritten(
                path=str(written.path.relative_to(self.folder)),
                sha256=written.sha256,
                bytes=written.bytes,
                phase=phase,
                run=run,
                step=step,
                figure=figure,
            )
        )
        log.info("checkpoint_written", run=run, step=step, bytes=written.bytes)
        self._checkpoints.append(written.path)
        while len(self._checkpoints) > KEPT_CHECKPOINTS:
            self._checkpoints.pop(0).unlink(missing_ok=True)


def _figure(study: Study) -> float | None:
    """How good on the validation split the weights were last found to be that the run would go on with."""
    learner = study.learner
    figure = learner.best_figure if learner.best_weights else learner.last_figure
    return figure if figure is not None and math.isfinite(figure) else None
