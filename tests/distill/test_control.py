"""The control differs from its student in the loss and the rows that carry it, and in nothing else."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from distill.batches import Order
from distill.lesson import Lesson
from distill.losses.terms import Answer, Moment
from distill.study import Study
from distill.train import Step
from tests.distill.conftest import Inspected
from tests.distill.folders import stage
from tests.distill.jobs import small, trained_until_evaluation

TRAINING: dict[str, Any] = {"steps": 60, "batch_size": 96, "schedule": {"kind": "cosine", "warmup_steps": 5}}
STUDENT = {"architecture": "cnn", "config": {"depth": 3, "width": 4, "dropout": 0.3}}


@dataclass
class Seen:
    """What a stage of a run began with, and what each of its updates took."""

    lesson: Lesson
    weights: dict[str, Tensor]
    slots: dict[str, Tensor]
    random: Tensor
    rates: list[float] = field(default_factory=list)
    rows: list[Tensor] = field(default_factory=list)


Runs = dict[str, list[Seen]]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """The stages of every run of the job that a test runs, by name."""
    seen: Runs = defaultdict(list)
    updates, batch = Study.updates, Order.batch
    present: list[Seen] = []

    def watched_updates(study: Study) -> Iterator[Step]:
        learner = study.learner
        present[:] = [
            Seen(
                study.lesson,
                {name: tensor.clone() for name, tensor in learner.module.state_dict().items()},
                {name: tensor.clone() for name, tensor in learner.optimizer.state().items()},
                torch.get_rng_state(),
            )
        ]
        seen[study.course.run] += present
        for step in updates(study):
            present[0].rates.append(step.learning_rate)
            yield step

    def watched_batch(order: Order, step: int) -> Tensor:
        rows = batch(order, step)
        present[0].rows.append(rows)
        return rows

    monkeypatch.setattr(Study, "updates", watched_updates)
    monkeypatch.setattr(Order, "batch", watched_batch)
    return seen


def train_both(folder: Path, digits: Inspected, **changes: Any) -> None:
    document = small(student=STUDENT, labels={}) | {"training": TRAINING} | changes
    trained_until_evaluation(stage(folder / "job", document, digits.dataset, digits.splits))


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


def test_both_begin_with_the_same_weights_bit_for_bit(tmp_path: Path, digits: Inspected, runs: Runs) -> None:
    train_both(tmp_path, digits)
    (student,), (control,) = runs["student"], runs["control"]

    assert same(student.weights, control.weights)
    assert same(student.slots, control.slots)
    assert student.random.equal(control.random)


def test_with_every_label_both_see_the_same_rows_at_the_same_rate_in_every_update(
    tmp_path: Path, digits: Inspected, runs: Runs
) -> None:
    train_both(tmp_path, digits)
    (student,), (control,) = runs["student"], runs["control"]

    assert student.lesson.training == control.lesson.training
    assert student.rates == control.rates
    assert len(student.rows) == len(control.rows) == TRAINING["steps"]
    assert all(mine.equal(yours) for mine, yours in zip(student.rows, control.rows, strict=True))


def test_the_control_has_hard_targets_alone_on_the_rows_whose_labels_are_seen(
    tmp_path: Path, digits: Inspected, runs: Runs
) -> None:
    train_both(tmp_path, digits, labels={"count": 50})
    (student,), (control,) = runs["student"], runs["control"]

    assert [(term.kind, term.weight) for term in control.lesson.terms] == [("hard_target", 1.0)]
    assert control.lesson.teacher is None
    assert student.lesson.train is control.lesson.train
    labels = control.lesson.train.labels
    assert all(len(rows) == TRAINING["batch_size"] for rows in control.rows)
    assert all((labels[rows] >= 0).all() for rows in control.rows)
    assert len(torch.cat(control.rows).unique()) == int((labels >= 0).sum()) == 50
    assert len(torch.cat(student.rows).unique()) == len(labels)


def test_a_student_that_stops_early_has_a_control_that_stops_with_it(
    tmp_path: Path, digits: Inspected, runs: Runs
) -> None:
    stopping = TRAINING | {
        "steps": 600,
        "optimizer": {"kind": "sgd", "learning_rate": 1e-9},
        "early_stopping": {"patience": 2},
    }
    train_both(tmp_path, digits, training=stopping)
    (student,), (control,) = runs["student"], runs["control"]

    assert len(student.rates) < 600
    assert control.rates == student.rates
    assert control.lesson.steps == student.lesson.steps == 600


STAGES: list[dict[str, Any]] = [
    {
        "name": "hints",
        "losses": [{"kind": "hint"}],
        "training": TRAINING | {"steps": 7, "seed": 3, "optimizer": {"kind": "sgd"}},
    },
    {
        "name": "outputs",
        "losses": [{"kind": "soft_target"}],
        "training": {
            "steps": 600,
            "batch_size": 64,
            "seed": 4,
            "optimizer": {"kind": "adamw", "learning_rate": 1e-9},
            "early_stopping": {"patience": 1},
        },
    },
    {"name": "labels", "losses": [{"kind": "hard_target"}], "training": {"steps": 5, "batch_size": 32}},
]


def test_the_control_has_the_students_stages_each_as_long_as_the_students_was(
    tmp_path: Path, digits: Inspected, runs: Runs
) -> None:
    teacher = {"train": {**STUDENT, "training": TRAINING | {"steps": 5}}}
    train_both(tmp_path, digits, teacher=teacher, training=None, stages=STAGES, labels={"count": 40})

    student, control = runs["student"], runs["control"]

    assert [len(stage.rates) for stage in student] == [len(stage.rates) for stage in control]
    assert 5 < len(student[1].rates) < 600
    for mine, yours in zip(student, control, strict=True):
        assert mine.rates == yours.rates
        assert mine.lesson.training == yours.lesson.training
        assert mine.random.equal(yours.random)
        assert [term.kind for term in yours.lesson.terms] == ["hard_target"]
        assert yours.lesson.teacher is None
    assert same(student[0].weights, control[0].weights)


def test_a_stage_without_a_teachers_word_learns_from_the_labeled_rows_as_the_control_does(
    tmp_path: Path, digits: Inspected, runs: Runs
) -> None:
    teacher = {"train": {**STUDENT, "training": TRAINING | {"steps": 5}}}
    train_both(tmp_path, digits, teacher=teacher, training=None, stages=STAGES[1:], labels={"count": 40})

    student, control = runs["student"][1], runs["control"][1]

    assert student.lesson.teacher is None
    assert all(mine.equal(yours) for mine, yours in zip(student.rows, control.rows, strict=True))
    assert (student.lesson.train.labels[torch.cat(student.rows)] >= 0).all()


def test_every_seed_has_a_student_and_a_control_that_begin_alike_and_unlike_those_of_other_seeds(
    tmp_path: Path, digits: Inspected, runs: Runs
) -> None:
    train_both(tmp_path, digits, evaluation={"seeds": 2}, training=TRAINING | {"steps": 3, "seed": 7})

    (first,), (second,) = runs["student"], runs["student.seed2"]
    assert not same(first.weights, second.weights)
    assert not all(one.equal(other) for one, other in zip(first.rows, second.rows, strict=True))
    assert (first.lesson.training.seed, second.lesson.training.seed) == (7, 8)
    for number in ("", ".seed2"):
        (student,), (control,) = runs[f"student{number}"], runs[f"control{number}"]
        assert same(student.weights, control.weights)
        assert all(one.equal(other) for one, other in zip(student.rows, control.rows, strict=True))


def test_the_second_control_learns_the_teachers_top_class_of_every_row(
    tmp_path: Path, digits: Inspected, runs: Runs
) -> None:
    evaluation = {"controls": ["hard_labels", "teacher_argmax"]}
    train_both(tmp_path, digits, labels={"count": 30}, evaluation=evaluation, training=TRAINING)

    (student,), (control,) = runs["student"], runs["control.teacher_argmax"]

    assert same(student.weights, control.weights)
    assert all(mine.equal(yours) for mine, yours in zip(student.rows, control.rows, strict=True))
    assert [term.kind for term in control.lesson.terms] == ["hard_target"]
    assert control.lesson.teacher is student.lesson.teacher
    outputs, taught = torch.randn(2, 4, 10)
    moment = Moment(Answer(outputs), Answer(taught), torch.full((4,), -1), None, 1, control.lesson.pace)
    loss = control.lesson.terms[0].loss(moment)
    assert loss.item() == pytest.approx(F.cross_entropy(outputs, taught.argmax(dim=1)).item())
