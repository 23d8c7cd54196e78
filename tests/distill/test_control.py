"""The control differs from its student in the loss and the rows that carry it, and in nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from distill.batches import Order
from distill.train import Learner, Lesson, Step, train
from tests.distill.conftest import Inspected
from tests.distill.folders import stage
from tests.distill.jobs import small, trained_until_evaluation

TRAINING: dict[str, Any] = {"steps": 60, "batch_size": 96, "schedule": {"kind": "cosine", "warmup_steps": 5}}
STUDENT = {"architecture": "cnn", "config": {"depth": 3, "width": 4, "dropout": 0.3}}


@dataclass
class Seen:
    """What a run began with, and what each of its updates took."""

    lesson: Lesson
    weights: dict[str, Tensor]
    slots: dict[str, Tensor]
    random: Tensor
    rates: list[float] = field(default_factory=list)
    rows: list[Tensor] = field(default_factory=list)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Seen]:
    """Every run of the job that a test runs, by name."""
    seen: dict[str, Seen] = {}
    batch = Order.batch

    def watched_train(lesson: Lesson, learner: Learner) -> Iterator[Step]:
        seen[lesson.run] = Seen(
            lesson,
            {name: tensor.clone() for name, tensor in learner.module.state_dict().items()},
            {name: tensor.clone() for name, tensor in learner.optimizer.state().items()},
            torch.get_rng_state(),
        )
        for step in train(lesson, learner):
            seen[lesson.run].rates.append(step.learning_rate)
            yield step

    def watched_batch(order: Order, step: int) -> Tensor:
        rows = batch(order, step)
        list(seen.values())[-1].rows.append(rows)
        return rows

    monkeypatch.setattr("distill.attempt.train", watched_train)
    monkeypatch.setattr(Order, "batch", watched_batch)
    return seen


def train_both(folder: Path, digits: Inspected, **changes: Any) -> None:
    document = small(student=STUDENT, labels={}) | {"training": TRAINING} | changes
    trained_until_evaluation(stage(folder / "job", document, digits.dataset, digits.splits))


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


def test_both_begin_with_the_same_weights_bit_for_bit(
    tmp_path: Path, digits: Inspected, runs: dict[str, Seen]
) -> None:
    train_both(tmp_path, digits)
    student, control = runs["student"], runs["control"]

    assert same(student.weights, control.weights)
    assert same(student.slots, control.slots)
    assert student.random.equal(control.random)


def test_with_every_label_both_see_the_same_rows_at_the_same_rate_in_every_update(
    tmp_path: Path, digits: Inspected, runs: dict[str, Seen]
) -> None:
    train_both(tmp_path, digits)
    student, control = runs["student"], runs["control"]

    assert student.lesson.training == control.lesson.training
    assert student.rates == control.rates
    assert len(student.rows) == len(control.rows) == TRAINING["steps"]
    assert all(mine.equal(yours) for mine, yours in zip(student.rows, control.rows, strict=True))


def test_the_control_has_hard_targets_alone_on_the_rows_whose_labels_are_seen(
    tmp_path: Path, digits: Inspected, runs: dict[str, Seen]
) -> None:
    train_both(tmp_path, digits, labels={"count": 50})
    student, control = runs["student"], runs["control"]

    assert [(term.kind, term.weight) for term in control.lesson.terms] == [("hard_target", 1.0)]
    assert control.lesson.teacher is None
    assert student.lesson.train is control.lesson.train
    labels = control.lesson.train.labels
    assert all(len(rows) == TRAINING["batch_size"] for rows in control.rows)
    assert all((labels[rows] >= 0).all() for rows in control.rows)
    assert len(torch.cat(control.rows).unique()) == int((labels >= 0).sum()) == 50
    assert len(torch.cat(student.rows).unique()) == len(labels)


def test_a_student_that_stops_early_has_a_control_that_stops_with_it(
    tmp_path: Path, digits: Inspected, runs: dict[str, Seen]
) -> None:
    stopping = TRAINING | {
        "steps": 600,
        "optimizer": {"kind": "sgd", "learning_rate": 1e-9},
        "early_stopping": {"patience": 2},
    }
    train_both(tmp_path, digits, training=stopping)
    student, control = runs["student"], runs["control"]

    assert len(student.rates) < 600
    assert control.rates == student.rates
    assert control.lesson.steps == student.lesson.steps == 600
