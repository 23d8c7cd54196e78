"""A course in the middle: the stages that are over, and the learner of the present one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from distill.checkpoint import State
from distill.learner import Learner
from distill.lesson import Course, Lesson
from distill.peers import Peer, train_together
from distill.train import Step, train


@dataclass(frozen=True)
class Trained:
    """A run that is over. `weights` are those that the job goes on with."""

    weights: dict[str, Tensor]
    stage_steps: list[int]
    """Updates of each stage."""
    chosen_step: int
    """The update whose weights these are."""
    validation: float
    """The main figure of the task on the validation split after the last update."""

    @property
    def steps(self) -> int:
        """Updates of all stages."""
        return sum(self.stage_steps)

    def facts(self) -> dict[str, Any]:
        """What a checkpoint keeps of it beside the weights."""
        return {
            "stage_steps": self.stage_steps,
            "chosen_step": self.chosen_step,
            "validation": self.validation,
        }


class Study:
    """Takes a course to its end, from its beginning or from where a checkpoint stands."""

    def __init__(self, course: Course, interrupted: State | None = None) -> None:
        self.course = course
        self.stage_steps: list[int] = list(interrupted.facts["stage_steps"]) if interrupted else []
        """Updates of each stage that is over."""
        self._module = course.fresh()
        self._peers_module = course.peer.fresh() if course.peer else None
        self._enter()
        if interrupted is not None:
            if self.peer is not None:
                self.peer.restore(interrupted.take("peer"))
            self.learner.restore(interrupted.take("learner"))

    def lessons(self) -> Iterator[Lesson]:
        """Each lesson that is not over; the next one is entered when `updates` has come to its end."""
        while True:
            yield self.lesson
            self.stage_steps.append(self.learner.step)
            self.learner.choose()
            if self.peer is not None:
                self.peer.learner.choose()
            self._leave_out_the_needless()
            if self.stage == len(self.course.lessons):
                return
            self._enter()

    @property
    def lesson(self) -> Lesson:
        """That of the present stage."""
        return self.course.lessons[self.stage]

    @property
    def stage(self) -> int:
        """The number of the present stage, from 0."""
        return len(self.stage_steps)

    def updates(self) -> Iterator[Step]:
        """Those that are left of the present lesson."""
        if self.peer is None:
            return train(self.lesson, self.learner)
        return train_together(self.lesson, self.learner, self.peer)

    def trained(self) -> dict[str, Trained]:
        """What came of it, by run, once every lesson is over."""
        trained = {self.course.run: self._trained(self.learner)}
        if self.peer is not None and self.course.peer is not None:
            trained[self.course.peer.run] = self._trained(self.peer.learner)
        return trained

    def state(self) -> State:
        """Everything that another study of the same course needs to go on, bit for bit."""
        state = State(facts={"stage_steps": list(self.stage_steps)})
        state.put("learner", self.learner.state())
        if self.peer is not None:
            state.put("peer", self.peer.state())
        return state

    def _leave_out_the_needless(self) -> None:
        """Lessons that round are over at once where rounding costs the network little anyway."""
        lessons, needs_rounding = self.course.lessons, self.course.needs_rounding
        while self.stage < len(lessons) and self.lesson.rounds and needs_rounding is not None:
            if needs_rounding(self._module):
                return
            self.stage_steps.append(0)

    def _enter(self) -> None:
        """Begin the present lesson: the weights stay, everything else is fresh."""
        self.peer = None
        if self.course.peer is not None and self._peers_module is not None:
            self.peer = Peer(self._peers_module, self.course.peer.lessons[self.stage])
        self.learner = Learner(self._module, self.lesson, before=sum(self.stage_steps))

    def _trained(self, learner: Learner) -> Trained:
        assert learner.last_figure is not None
        return Trained(
            weights=learner.module.state_dict(),
            stage_steps=list(self.stage_steps),
            chosen_step=learner.chosen_step,
            validation=learner.last_figure,
        )
