from typing import Any

import pytest
import torch

from distill.config.losses import Decoupled, HardTarget, LossTerm, MseLogits, ReverseKl, SoftTarget
from distill.config.schedules import WeightOfShare, WeightRamp
from distill.config.training import AdamW, EarlyStopping, Sgd, Training
from distill.knowledge import Live
from distill.teachers import FrozenTeacher
from distill.train import judged, train
from tests.distill.clouds import (
    InFloat64,
    learner,
    lesson,
    network,
    plain_network,
    terms,
    view,
    weights,
)


def test_a_teacher_comes_out_of_training_as_it_went_in() -> None:
    teacher = FrozenTeacher(network(seed=5))
    before = weights(teacher)
    taught = lesson(Training(steps=12, batch_size=16), teacher=Live(teacher, view(90)))

    list(train(taught, learner(taught)))

    assert weights(teacher) == before
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_teacher_and_student_see_the_very_same_view() -> None:
    seen: dict[str, list[torch.Tensor]] = {"teacher": [], "student": []}
    teacher, student = FrozenTeacher(network(seed=5)), network()
    taught = lesson(Training(steps=5, batch_size=16), teacher=Live(teacher, view(90)))
    teacher.network.register_forward_pre_hook(lambda _, inputs: seen["teacher"].append(inputs[0]))
    handle = student.register_forward_pre_hook(
        lambda module, inputs: seen["student"].append(inputs[0]) if module.training else None
    )

    list(train(taught, learner(taught, student)))
    handle.remove()

    assert len(seen["student"]) == 5
    assert all(mine is yours for mine, yours in zip(seen["student"], seen["teacher"], strict=True))


@pytest.mark.parametrize("optimizer", [AdamW(), Sgd(kind="sgd")], ids=["adamw", "sgd"])
def test_the_same_seed_gives_the_same_weights(optimizer: AdamW | Sgd) -> None:
    taught = lesson(Training(steps=12, batch_size=16, optimizer=optimizer, max_grad_norm=1.0))

    modules = [network(), network()]
    for module in modules:
        list(train(taught, learner(taught, module)))

    assert weights(modules[0]) == weights(modules[1])


def test_training_learns() -> None:
    training = Training(steps=150, batch_size=32, optimizer=AdamW(learning_rate=1e-2))
    taught = lesson(training, terms=terms(HardTarget(weight=1.0)), teacher=None)
    beginner = learner(taught)
    start = judged(beginner.module, taught)

    list(train(taught, beginner))

    assert beginner.last_figure is not None
    assert beginner.last_figure > max(0.7, start)


def test_the_total_is_the_weighted_sum_of_the_unweighted_terms() -> None:
    taught = lesson(Training(steps=3, batch_size=16))

    for step in train(taught, learner(taught)):
        total, soft, hard = step.losses.tolist()
        assert total == pytest.approx(0.5 * soft + 0.5 * hard)


def test_a_weight_moves_with_the_updates_of_the_stage() -> None:
    ramp = WeightRamp(kind="linear", start=0.0, end=1.0)
    taught = lesson(
        Training(steps=5, batch_size=16), terms=terms(SoftTarget(weight=ramp), HardTarget(weight=0.5))
    )

    steps = list(train(taught, learner(taught)))

    assert [step.weights["soft_target"] for step in steps] == [0.0, 0.25, 0.5, 0.75, 1.0]
    for step in steps:
        total, soft, hard = step.losses.tolist()
        assert total == pytest.approx(step.weights["soft_target"] * soft + 0.5 * hard)


def test_an_auto_weight_keeps_its_term_at_its_share_of_the_gradient() -> None:
    apart = terms(
        SoftTarget(weight=WeightOfShare(kind="auto", share=0.7), temperature=8.0), HardTarget(weight=1e-3)
    )
    taught = lesson(Training(steps=60, batch_size=90), terms=apart)

    shares = [step.shares["soft_target"] for step in train(taught, learner(taught)) if step.shares]

    assert shares[0] == pytest.approx(0.7)
    assert sum(shares[-20:]) / 20 == pytest.approx(0.7, abs=0.1)


def test_a_batch_in_which_a_term_has_nothing_to_judge_tells_no_share_of_it() -> None:
    seen = view(90, labeled=9)
    taught = lesson(Training(steps=20, batch_size=6), train=seen)

    told = set()
    for step in train(taught, learner(taught)):
        labeled = bool((seen.labels[taught.order.batch(step.number)] >= 0).any())
        assert set(step.shares) == ({"soft_target", "hard_target"} if labeled else {"soft_target"})
        told.add(labeled)

    assert told == {True, False}


def test_gradients_are_measured_fifty_times_a_stage_and_not_where_there_is_one_term() -> None:
    taught = lesson(Training(steps=200, batch_size=4))
    alone = lesson(Training(steps=200, batch_size=4), terms=terms(SoftTarget()))

    assert sum(bool(step.shares) for step in train(taught, learner(taught))) == 50
    assert not any(step.shares for step in train(alone, learner(alone)))


def test_validation_is_measured_at_the_end_of_each_epoch_and_of_the_run() -> None:
    taught = lesson(Training(steps=14, batch_size=30))

    steps = train(taught, learner(taught))

    assert [step.number for step in steps if step.validation is not None] == [3, 6, 9, 12, 14]


def test_the_best_weights_by_validation_are_chosen_where_the_job_says_so() -> None:
    training = Training(steps=24, batch_size=30, select="best", optimizer=Sgd(kind="sgd", learning_rate=0.5))
    taught = lesson(training)
    student = learner(taught)
    snapshots = {}
    for step in train(taught, student):
        if step.validation is not None:
            kept = {name: tensor.clone() for name, tensor in student.module.state_dict().items()}
            snapshots[step.number] = (step.validation, kept)
    student.choose()

    best = max(figure for figure, _ in snapshots.values())
    first_best = min(number for number, (figure, _) in snapshots.items() if figure == best)
    assert student.chosen_step == first_best < 24
    for name, tensor in student.module.state_dict().items():
        assert tensor.equal(snapshots[first_best][1][name])


STANDS_STILL: dict[str, Any] = {
    "steps": 300,
    "batch_size": 30,
    "optimizer": Sgd(kind="sgd", learning_rate=1e-9),
}


def test_training_stops_early_after_epochs_without_a_better_figure() -> None:
    taught = lesson(Training(**STANDS_STILL, early_stopping=EarlyStopping(patience=2)))
    student = learner(taught)

    list(train(taught, student))

    assert student.step < 60
    assert student.epochs_without_better == 2


def test_a_control_has_as_many_updates_as_its_student_whatever_its_figures_are() -> None:
    control = lesson(Training(**STANDS_STILL, early_stopping=EarlyStopping(patience=1)), ends_after=40)
    student = learner(control)

    list(train(control, student))

    assert student.step == 40


@pytest.mark.parametrize(
    "sections",
    [
        [SoftTarget()],
        [HardTarget(weight=1.0)],
        [Decoupled(weight=0.3), HardTarget()],
        [ReverseKl(), MseLogits(), HardTarget(weight=0.5)],
    ],
    ids=lambda sections: "+".join(section.kind for section in sections),
)
@pytest.mark.parametrize("max_grad_norm", [None, 0.05])
def test_parts_of_a_batch_give_the_update_of_the_whole(
    sections: list[LossTerm], max_grad_norm: float | None
) -> None:
    """A third of the examples is labeled, so that the parts hold very different numbers of labels."""
    ends = []
    for parts in (1, 2, 5, 30):
        training = Training(
            steps=6, batch_size=30, accumulate=parts, max_grad_norm=max_grad_norm, optimizer=Sgd(kind="sgd")
        )
        seen = view(90, labeled=30)
        teacher = Live(FrozenTeacher(InFloat64(plain_network(seed=5))), seen)
        taught = lesson(training, terms=terms(*sections), train=seen, teacher=teacher)
        student = learner(taught, InFloat64(plain_network()))
        losses = torch.stack([step.losses for step in train(taught, student)])
        ends.append((losses, torch.cat([weight.flatten() for weight in student.module.parameters()])))

    for losses, end in ends[1:]:
        torch.testing.assert_close(losses, ends[0][0], rtol=1e-11, atol=1e-13)
        torch.testing.assert_close(end, ends[0][1], rtol=1e-11, atol=1e-13)


def test_parts_of_a_batch_give_the_update_of_the_whole_to_a_network_that_rounds_too() -> None:
    """But for the last bits of float32, in which rounding computes."""
    ends = []
    for parts in (1, 2, 5):
        training = Training(steps=6, batch_size=30, accumulate=parts, optimizer=Sgd(kind="sgd"))
        taught = lesson(training, rounds=True)
        student = learner(taught, plain_network())
        list(train(taught, student))
        ends.append((torch.cat([weight.flatten() for weight in student.module.parameters()]), student))

    for end, student in ends[1:]:
        torch.testing.assert_close(end, ends[0][0], rtol=1e-3, atol=1e-5)
        ranges, whole = (each.state().tensors["rounding/ranges"] for each in (student, ends[0][1]))
        torch.testing.assert_close(ranges, whole, rtol=1e-3, atol=1e-5)


def test_a_batch_in_parts_is_never_computed_as_a_whole() -> None:
    sizes = []
    taught = lesson(Training(steps=2, batch_size=30, accumulate=6))
    student = learner(taught)
    student.module.register_forward_pre_hook(
        lambda module, inputs: sizes.append(len(inputs[0])) if module.training else None
    )

    list(train(taught, student))

    assert sizes == [5] * 12
