"""Two students that teach each other (Zhang et al., 2018): no teacher, and each learns in every update.

As in algorithm 1 of the paper the student learns from the peer as it stands, then the peer from the
student as it now stands. Whoever answers for the other does so as every teacher does: in eval mode.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from distill.checkpoint import State
from distill.layers.taps import Taps
from distill.learner import Learner, random_state, set_random_state
from distill.lesson import Lesson
from distill.losses.terms import Answer
from distill.preprocess import Inputs
from distill.train import Step, advance


class Peer:
    """The other one of the two. It draws from a random stream of its own, so that the student's stays
    that of its control."""

    def __init__(self, module: nn.Module, lesson: Lesson) -> None:
        self.lesson = lesson
        self._device = lesson.train.device
        outside = random_state(self._device)
        self.learner = Learner(module, lesson)
        self._random = random_state(self._device)
        set_random_state(outside)

    def advance(self, lesson: Lesson) -> Step:
        """One update of its own."""
        with self._own_stream():
            return advance(lesson, self.learner)

    def state(self) -> State:
        """Everything that `restore` needs for the same next step, bit for bit."""
        with self._own_stream():
            return self.learner.state()

    def restore(self, state: State) -> None:
        """Stand again where `state` was taken."""
        with self._own_stream():
            self.learner.restore(state)

    @contextmanager
    def _own_stream(self) -> Iterator[None]:
        outside = random_state(self._device)
        set_random_state(self._random)
        yield
        self._random = random_state(self._device)
        set_random_state(outside)


def train_together(lesson: Lesson, learner: Learner, peer: Peer) -> Iterator[Step]:
    """Go on with both until the student's lesson is over, one update of each a step."""
    of_student = replace(lesson, teacher=AsItStands(peer.learner.module, lesson))
    of_peer = replace(peer.lesson, teacher=AsItStands(learner.module, peer.lesson))
    learner.trained.train()
    peer.learner.trained.train()
    while not learner.is_done(lesson):
        step = advance(of_student, learner)
        yield replace(step, peer=peer.advance(of_peer))


class AsItStands:
    """Answers for a network that is in training, as it now is: a `Teaching`."""

    def __init__(self, module: nn.Module, lesson: Lesson) -> None:
        self._module = module
        self._science = lesson.science
        self._taps = Taps(module, {name for term in lesson.terms for name in term.teacher_taps})

    def __call__(self, rows: Tensor, inputs: Inputs) -> Answer:
        self._module.eval()
        with torch.no_grad():
            outputs = self._science.rows(self._module(inputs), inputs)
        self._module.train()
        return Answer(outputs, self._taps.take())
