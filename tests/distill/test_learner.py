"""Everything that the next update depends on: projectors too, and all of it can be restored."""

from typing import Any

import pytest
import torch
from torch import nn

from distill.config.losses import HardTarget, SoftTarget
from distill.config.schedules import WeightOfShare
from distill.config.training import Sgd, Training
from distill.knowledge import Live
from distill.lesson import Lesson
from distill.losses.terms import Moment, Term
from distill.teachers import FrozenTeacher
from distill.train import judged, train
from tests.distill.clouds import learner, lesson, network, plain_network, terms, view, weights


class Brings(nn.Module):
    """From the student's hidden features to the teacher's."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.linear = nn.Linear(8, 16)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        brought: torch.Tensor = self.linear(hidden)
        return brought


def hint(projector: Brings) -> Term:
    def loss(moment: Moment) -> torch.Tensor:
        hidden = projector(moment.student.taps["1"])
        return (hidden - moment.taught.taps["1"]).square().mean()

    return Term("hint", 1.0, loss, "examples", projector, student_taps=("1",), teacher_taps=("1",))


def hinted(training: Training) -> tuple[Lesson, Brings]:
    """A lesson with a term between layers, and the projector of that."""
    seen, projector = view(90), Brings()
    teacher = Live(FrozenTeacher(plain_network(seed=5)), seen, ["1"])
    between = (hint(projector), *terms(HardTarget()))
    return lesson(training, train=seen, terms=between, teacher=teacher), projector


def test_a_projector_learns_with_the_student_and_is_no_part_of_it() -> None:
    taught, projector = hinted(Training(steps=40, batch_size=30))
    before = projector.linear.weight.clone()
    student = learner(taught, plain_network(width=8))

    losses = [step.losses[1].item() for step in train(taught, student)]

    assert not projector.linear.weight.equal(before)
    assert losses[-1] < losses[0]
    assert student.module.state_dict().keys() == plain_network().state_dict().keys()


def test_a_projector_goes_on_where_a_restored_learner_stands() -> None:
    training = Training(steps=20, batch_size=30)
    whole, projector = hinted(training)
    list(train(whole, learner(whole, plain_network(width=8))))

    first, _ = hinted(training)
    begun = learner(first, plain_network(width=8))
    for step in train(first, begun):
        if step.number == 7:
            break
    state = begun.state()
    second, restored = hinted(training)
    resumed = learner(second, plain_network(seed=9, width=8))
    resumed.restore(state)
    list(train(second, resumed))

    assert weights(restored) == weights(projector)


@pytest.mark.parametrize("rounds", [False, True])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_restored_learner_takes_the_same_next_steps(precision: Any, rounds: bool) -> None:
    training = Training(steps=20, batch_size=16, select="best", precision=precision)
    auto = terms(SoftTarget(weight=WeightOfShare(kind="auto", share=0.5)), HardTarget(weight=1.0))
    taught = lesson(training, terms=auto, rounds=rounds)
    whole = learner(taught)
    list(train(taught, whole))

    first = learner(taught)
    for step in train(taught, first):
        if step.number == 9:
            break
    state = first.state()
    second = learner(taught, network(seed=9))
    second.restore(state)
    list(train(taught, second))

    assert weights(second.module) == weights(whole.module)
    assert second.best_step == whole.best_step
    assert second.state().facts == whole.state().facts


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_learner_that_rounds_learns_and_is_judged_rounded(precision: Any) -> None:
    training = Training(steps=60, batch_size=30, precision=precision, optimizer=Sgd(kind="sgd"))
    taught = lesson(training, terms=terms(HardTarget(weight=1.0)), teacher=None, rounds=True)
    student = learner(taught)

    steps = list(train(taught, student))
    in_training = [tensor.clone() for tensor in student.module.parameters()]
    rounded = judged(student.module, taught)
    student.choose()

    assert steps[-1].losses[0] < steps[0].losses[0] / 2
    assert steps[-1].validation == rounded
    ranges = student.state().tensors["rounding/ranges"]
    assert ranges.shape == (2, 2)
    assert (ranges[:, 0] < ranges[:, 1]).all()
    assert all(one.equal(other) for one, other in zip(in_training, student.module.parameters(), strict=True))


def test_a_learner_begins_with_the_ranges_of_examples_of_train_whatever_its_batches_are() -> None:
    ranges = [
        learner(lesson(Training(steps=1, batch_size=size, accumulate=parts), rounds=True), plain_network())
        .state()
        .tensors["rounding/ranges"]
        for size, parts in ((90, 1), (90, 5), (45, 1))
    ]

    inputs, _ = view(90).batch(torch.arange(90))
    assert isinstance(inputs, torch.Tensor)
    assert ranges[0][0].tolist() == [inputs.min(), inputs.max()]
    assert ranges[1].equal(ranges[0])
    assert ranges[2].equal(ranges[0])
