"""What is learned: a lesson is one stage of one run, a course all stages of that run."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, nn

from distill.batches import Order, View
from distill.config.training import Training
from distill.losses.terms import Answer, Pace, Term
from distill.preprocess import Inputs
from distill.schedule import steps_of
from distill.tasks import science_of
from distill.tasks.science import Science

Teaching = Callable[[Tensor, Inputs], Answer]
"""What a teacher says of a batch, from its rows in the train split, int64 (B,), and its inputs: outputs
of the judged rows (N, outputs), and the layers that the terms look at, free of any graph."""

GRADIENT_MEASUREMENTS = 50
"""How often in a stage the gradient of each term is measured."""


@dataclass(frozen=True)
class Lesson:
    """What one stage of one run learns, and for how long."""

    training: Training
    terms: tuple[Term, ...]
    train: View
    validation: View
    rows: Tensor
    """Rows of `train` that this run may learn from."""
    pass_length: int
    """Examples of one epoch. The control counts the student's."""
    teacher: Teaching | None = None
    ends_after: int | None = None
    """Of a control the updates that its student had; it then never stops early by itself."""
    rounds: bool = False
    """Whether the network computes as its 8-bit export will."""

    @property
    def science(self) -> Science:
        return science_of(self.train.task)

    @cached_property
    def order(self) -> Order:
        return Order(self.rows, batch_size=self.training.batch_size, seed=self.training.seed)

    @property
    def steps(self) -> int:
        """Updates that the schedule is made for."""
        return steps_of(self.training, self.pass_length)

    @property
    def last_step(self) -> int:
        """The update after which the lesson is over at the latest."""
        return self.steps if self.ends_after is None else self.ends_after

    @property
    def pace(self) -> Pace:
        return Pace(self.steps, self.pass_length / self.training.batch_size)

    def epoch(self, step: int) -> int:
        """Epochs of this stage that are over after its update `step`."""
        return step * self.training.batch_size // self.pass_length

    def measures_after(self, step: int) -> bool:
        """Whether the validation split is measured after this update: each epoch, and at the end."""
        return step == self.last_step or self.epoch(step) > self.epoch(step - 1)

    def weighs_gradients_at(self, step: int) -> bool:
        """Whether the gradient of each term is measured in this update."""
        return len(self.terms) > 1 and (step - 1) % max(1, self.steps // GRADIENT_MEASUREMENTS) == 0


@dataclass(frozen=True)
class Course:
    """One run of a job: its stages one after another, taken by one network whose weights go on."""

    run: str
    lessons: tuple[Lesson, ...]
    fresh: Callable[[], nn.Module]
    """The network as the run begins."""
    peer: "Course | None" = None
    """Where two students teach each other: what the other one learns."""
    needs_rounding: Callable[[nn.Module], bool] | None = None
    """Tells of the network that comes to a lesson that rounds whether it needs that, else the lesson is left
    out; None where all of them are taken."""

    @property
    def steps(self) -> int:
        """Updates of all stages, where none stops early."""
        return sum(lesson.last_step for lesson in self.lessons)

    @property
    def epochs(self) -> int:
        return sum(lesson.epoch(lesson.last_step) for lesson in self.lessons)
