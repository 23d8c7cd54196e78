"""What is told of a training, and what is kept of it."""

import json
from typing import Any

import pytest
import torch

from distill.config.events import Measured
from distill.config.losses import HardTarget, SoftTarget
from distill.config.schedules import Weight, WeightOfShare, WeightRamp, WeightWarmup
from distill.config.training import Training
from distill.history import History
from distill.journal import IGNORED_FOR, Journal
from distill.lesson import Course
from distill.rejection import Rejected
from distill.study import Study
from distill.train import Step
from tests.distill.clouds import course, lesson, terms


class Heard:
    """A journal, and everything that it passes on."""

    def __init__(self) -> None:
        self.history = History()
        self.told: list[Measured] = []
        self.warned: list[str] = []
        self.journal = Journal(self.history, self, lambda code, message: self.warned.append(message))

    def send(self, event: Measured) -> None:
        self.told.append(event)

    def listen(self, taken: Course) -> None:
        """From the first update of a run to its last."""
        study = Study(taken)
        for stage in study.lessons():
            for step in study.updates():
                self.journal.note(taken, stage, step)
        self.journal.look()


def training(**changes: Any) -> Training:
    return Training(**{"steps": 12, "batch_size": 30} | changes)


def a_step(
    number: int, *, total: float = 1.0, shares: dict[str, float] | None = None, weight: float = 0.5
) -> Step:
    weights = {"soft_target": 0.5, "hard_target": weight}
    return Step(number, number, torch.tensor([total, total, 0.0]), 0.1, weights, shares or {}, None)


def test_every_figure_of_every_update_is_kept_with_a_name_that_says_what_it_is() -> None:
    heard = Heard()
    heard.listen(course(lesson(training())))

    assert set(heard.history.names()) == {
        ("student", name)
        for name in (
            "train.loss.total",
            "train.loss.soft_target",
            "train.loss.hard_target",
            "train.grad_share.soft_target",
            "train.grad_share.hard_target",
            "learning_rate",
            "validation.accuracy",
        )
    }
    assert [step for step, _ in heard.history.curve("student", "train.loss.total")] == list(range(1, 13))
    assert [step for step, _ in heard.history.curve("student", "validation.accuracy")] == [3, 6, 9, 12]


def test_a_weight_that_is_no_given_number_is_a_figure() -> None:
    moving = terms(
        SoftTarget(weight=WeightOfShare(kind="auto", share=0.4)),
        HardTarget(weight=WeightRamp(kind="linear", start=1.0, end=2.0)),
    )
    heard = Heard()
    heard.listen(course(lesson(training(), terms=moving)))

    soft, hard = (
        [weight for _, weight in heard.history.curve("student", f"train.weight.{kind}")]
        for kind in ("soft_target", "hard_target")
    )
    assert hard == pytest.approx([1 + at / 11 for at in range(12)])
    assert len(soft) == 12
    assert all(weight > 0 for weight in soft)


def test_steps_go_on_counting_from_stage_to_stage() -> None:
    heard = Heard()
    heard.listen(course(lesson(training(steps=4)), lesson(training(steps=3), terms=terms(HardTarget()))))

    assert [step for step, _ in heard.history.curve("student", "learning_rate")] == list(range(1, 8))
    assert [step for step, _ in heard.history.curve("student", "train.loss.soft_target")] == [1, 2, 3, 4]
    assert [step for step, _ in heard.history.curve("student", "train.loss.hard_target")] == list(range(1, 8))


def test_what_is_passed_on_is_thinned_by_the_length_of_the_whole_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("distill.history.ROWS_OF_A_NAME", 5)
    heard = Heard()
    heard.listen(course(lesson(training(steps=12)), lesson(training(steps=8))))

    told = [event.step for event in heard.told if "train.loss.total" in event.values]
    ends = [event.step for event in heard.told if "validation.accuracy" in event.values]
    assert told == [4, 8, 12, 16, 20]
    assert {12, 20} <= set(ends)


def test_a_term_below_one_percent_for_a_while_is_warned_of_and_one_that_comes_back_is_not() -> None:
    heard, taken = Heard(), lesson(training())
    run = course(taken)
    for number in range(1, IGNORED_FOR + 1):
        heard.journal.note(run, taken, a_step(number, shares={"soft_target": 0.995, "hard_target": 0.005}))
        heard.journal.look()
        assert bool(heard.warned) == (number == IGNORED_FOR)
    assert "'hard_target' gives 0.50% of the gradient" in heard.warned[0]

    again = Heard()
    for number in range(1, 3 * IGNORED_FOR):
        low = number % IGNORED_FOR != 0
        again.journal.note(run, taken, a_step(number, shares={"hard_target": 0.001 if low else 0.02}))
    again.journal.look()
    assert not again.warned


@pytest.mark.parametrize(
    ("moving", "weight", "warned"),
    [
        (WeightRamp(kind="cosine", start=1.0, end=0.0), 0.02, False),
        (WeightWarmup(kind="warmup", value=1.0, steps=100), 0.1, False),
        (WeightWarmup(kind="warmup", value=1.0, steps=100), 1.0, True),
    ],
)
def test_a_term_is_not_warned_of_while_its_weight_is_meant_to_be_small(
    moving: Weight, weight: float, warned: bool
) -> None:
    heard = Heard()
    taken = lesson(training(), terms=terms(SoftTarget(weight=0.5), HardTarget(weight=moving)))

    for number in range(1, 2 * IGNORED_FOR):
        step = a_step(number, shares={"soft_target": 0.995, "hard_target": 0.005}, weight=weight)
        heard.journal.note(course(taken), taken, step)
    heard.journal.look()

    assert bool(heard.warned) is warned


def test_shares_of_earlier_attempts_count() -> None:
    first, taken = Heard(), lesson(training())
    run = course(taken)
    for number in range(1, IGNORED_FOR):
        first.journal.note(run, taken, a_step(number, shares={"hard_target": 0.001}))
    first.journal.look()
    second = Heard()
    second.journal.restore(json.loads(json.dumps(first.journal.state())))

    second.journal.note(run, taken, a_step(IGNORED_FOR, shares={"hard_target": 0.001}))
    second.journal.look()

    assert not first.warned
    assert second.warned


def test_a_loss_that_is_no_finite_number_ends_the_run_with_its_name_and_its_update() -> None:
    heard, taken = Heard(), lesson(training())
    run = course(taken, run="control")
    for number in (1, 2):
        heard.journal.note(run, taken, a_step(number))
    heard.journal.look()

    with pytest.raises(Rejected, match=r"the loss of the run 'control' .* after update 3") as refused:
        _note_and_look(heard.journal, run, a_step(3, total=float("nan")))

    assert refused.value.code == "training_diverged"


def _note_and_look(journal: Journal, run: Course, step: Step) -> None:
    journal.note(run, run.lessons[0], step)
    journal.look()
