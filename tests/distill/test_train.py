from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from distill.batches import View
from distill.config.losses import HardTarget, SoftTarget
from distill.config.networks import Input, Preprocessing
from distill.config.training import AdamW, EarlyStopping, Sgd, Training
from distill.losses.terms import terms
from distill.preprocess import Preprocessor
from distill.train import FrozenTeacher, Learner, Lesson, accuracy_on, train

FEATURES, CLASSES = 6, 3


def view(examples: int, seed: int = 0) -> View:
    """Points in three clouds."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(examples) % CLASSES
    inputs = torch.randn(examples, FEATURES, generator=generator) + 2 * nn.functional.one_hot(
        labels, FEATURES
    )
    features = Input(kind="tabular", shape=[FEATURES], dtype="float32")
    return View(
        inputs, labels, Preprocessor(Preprocessing(), features), torch.device("cpu"), "tabular-classification"
    )


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(FEATURES, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, CLASSES)
    )


def lesson(training: Training, *, run: Any = "student", **facts: Any) -> Lesson:
    seen = view(90)
    steps = training.steps or 20
    return Lesson(
        **{
            "run": run,
            "training": training,
            "terms": terms([SoftTarget(weight=0.5, temperature=2.0), HardTarget(weight=0.5)]),
            "train": seen,
            "validation": view(60, seed=1),
            "rows": torch.arange(len(seen)),
            "pass_length": len(seen),
            "steps": steps,
            "last_step": steps,
            "teacher": FrozenTeacher(network(seed=5)),
        }
        | facts
    )


def weights(module: nn.Module) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in module.state_dict().values())


def test_a_teacher_comes_out_of_training_as_it_went_in() -> None:
    training = Training(steps=12, batch_size=16)
    teacher = FrozenTeacher(network(seed=5))
    before = weights(teacher)

    list(train(lesson(training, teacher=teacher), Learner(network(), training)))

    assert weights(teacher) == before
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


@pytest.mark.parametrize("flip", [FrozenTeacher.train, lambda teacher: nn.ModuleList([teacher]).train()])
def test_nothing_brings_a_teacher_out_of_eval_mode(flip: Callable[[FrozenTeacher], Any]) -> None:
    teacher = FrozenTeacher(network())
    inputs = torch.randn(8, FEATURES)
    answer = teacher(inputs)

    flip(teacher)

    assert not any(module.training for module in teacher.network.modules())
    assert teacher(inputs).equal(answer)


def test_a_teachers_answers_come_in_the_order_of_the_datasets_labels() -> None:
    module = network().eval()
    inputs = torch.randn(4, FEATURES)

    answer = FrozenTeacher(module, torch.tensor([2, 0, 1]))(inputs)

    assert answer.equal(module(inputs)[:, [2, 0, 1]])


def test_teacher_and_student_see_the_very_same_view() -> None:
    seen: dict[str, list[torch.Tensor]] = {"teacher": [], "student": []}
    training = Training(steps=5, batch_size=16)
    teacher, student = FrozenTeacher(network(seed=5)), network()
    teacher.network.register_forward_pre_hook(lambda _, inputs: seen["teacher"].append(inputs[0]))
    handle = student.register_forward_pre_hook(
        lambda module, inputs: seen["student"].append(inputs[0]) if module.training else None
    )

    list(train(lesson(training, teacher=teacher), Learner(student, training)))
    handle.remove()

    assert len(seen["student"]) == 5
    assert all(mine is yours for mine, yours in zip(seen["student"], seen["teacher"], strict=True))


@pytest.mark.parametrize("optimizer", [AdamW(), Sgd(kind="sgd")], ids=["adamw", "sgd"])
def test_the_same_seed_gives_the_same_weights(optimizer: AdamW | Sgd) -> None:
    training = Training(steps=12, batch_size=16, optimizer=optimizer, max_grad_norm=1.0)

    modules = [network(), network()]
    for module in modules:
        list(train(lesson(training), Learner(module, training)))

    assert weights(modules[0]) == weights(modules[1])


def test_training_learns() -> None:
    training = Training(steps=150, batch_size=32, optimizer=AdamW(learning_rate=1e-2))
    learner = Learner(network(), training)
    start = accuracy_on(learner.module, view(60, seed=1), training)

    list(train(lesson(training, terms=terms([HardTarget(weight=1.0)])), learner))

    assert learner.last_accuracy is not None
    assert learner.last_accuracy > max(0.7, start)


def test_the_total_is_the_weighted_sum_of_the_unweighted_terms() -> None:
    training = Training(steps=3, batch_size=16)

    for step in train(lesson(training), Learner(network(), training)):
        total, soft, hard = step.losses.tolist()
        assert total == pytest.approx(0.5 * soft + 0.5 * hard)


def test_validation_is_measured_at_the_end_of_each_epoch_and_of_the_run() -> None:
    training = Training(steps=14, batch_size=30)

    measured = [
        step.number
        for step in train(lesson(training), Learner(network(), training))
        if step.validation_accuracy is not None
    ]

    assert measured == [3, 6, 9, 12, 14]


def test_the_best_weights_by_validation_are_chosen_where_the_job_says_so() -> None:
    training = Training(steps=24, batch_size=30, select="best", optimizer=Sgd(kind="sgd", learning_rate=0.5))
    learner = Learner(network(), training)
    snapshots = {}
    for step in train(lesson(training), learner):
        if step.validation_accuracy is not None:
            kept = {name: tensor.clone() for name, tensor in learner.module.state_dict().items()}
            snapshots[step.number] = (step.validation_accuracy, kept)

    best = max(accuracy for accuracy, _ in snapshots.values())
    first_best = min(number for number, (accuracy, _) in snapshots.items() if accuracy == best)
    assert learner.best_step == first_best
    for name, tensor in learner.chosen_weights().items():
        assert tensor.equal(snapshots[first_best][1][name])


def test_training_stops_early_after_epochs_without_a_better_figure() -> None:
    training = Training(
        steps=300,
        batch_size=30,
        optimizer=Sgd(kind="sgd", learning_rate=1e-9),
        early_stopping=EarlyStopping(patience=2),
    )
    learner = Learner(network(), training)

    list(train(lesson(training), learner))

    assert learner.step < 60
    assert learner.epochs_without_better == 2


def test_a_control_has_as_many_updates_as_its_student_whatever_its_figures_are() -> None:
    training = Training(
        steps=300,
        batch_size=30,
        optimizer=Sgd(kind="sgd", learning_rate=1e-9),
        early_stopping=EarlyStopping(patience=1),
    )
    learner = Learner(network(), training)

    list(train(lesson(training, run="control", last_step=40), learner))

    assert learner.step == 40


def test_a_restored_learner_takes_the_same_next_steps() -> None:
    training = Training(steps=20, batch_size=16, select="best")
    taught = lesson(training)
    whole = Learner(network(), training)
    list(train(taught, whole))

    first = Learner(network(), training)
    for step in train(taught, first):
        if step.number == 9:
            break
    state = first.state()
    second = Learner(network(seed=9), training)
    second.restore(state)
    list(train(taught, second))

    assert weights(second.module) == weights(whole.module)
    assert second.best_step == whole.best_step
