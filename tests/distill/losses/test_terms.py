from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from distill import losses
from distill.config.losses import (
    COMPARES_EXAMPLES,
    Cosine,
    Decoupled,
    Dist,
    HardTarget,
    Hint,
    JensenShannon,
    LayerTerm,
    LogitTerm,
    MseLogits,
    MultiLevel,
    ReverseKl,
    SoftTarget,
    Standardized,
)
from distill.config.schedules import TemperatureRamp, WeightOfShare, WeightWarmup
from distill.config.tasks import Target
from distill.losses.terms import Answer, Moment, Pace, Term, logit_term, terms_of

STUDENT = torch.tensor([[0.0, 1.0, 0.5], [1.0, -1.0, 0.0]])
TEACHER = torch.tensor([[2.0, -1.0, 0.0], [0.0, 3.0, 1.0]])
LABELS = torch.tensor([1, -1])
PACE = Pace(steps=10, steps_of_epoch=2.5)
OF_CLASSES: list[tuple[LogitTerm, Tensor]] = [
    (HardTarget(), losses.hard_target_loss(STUDENT, LABELS)),
    (SoftTarget(temperature=7.0), losses.soft_target_loss(STUDENT, TEACHER, temperature=7)),
    (
        Decoupled(alpha=2.0, beta=3.0, temperature=5.0),
        losses.decoupled_loss(STUDENT, TEACHER, LABELS, alpha=2, beta=3, temperature=5),
    ),
    (
        Dist(beta=2.0, gamma=3.0, temperature=4.0),
        losses.dist_loss(STUDENT, TEACHER, beta=2, gamma=3, temperature=4),
    ),
    (Standardized(temperature=3.0), losses.standardized_loss(STUDENT, TEACHER, temperature=3)),
    (MultiLevel(temperatures=[2.0, 3.0]), losses.multi_level_loss(STUDENT, TEACHER, temperatures=[2, 3])),
    (ReverseKl(), losses.reverse_kl_loss(STUDENT, TEACHER)),
    (JensenShannon(beta=0.3), losses.jensen_shannon_loss(STUDENT, TEACHER, beta=0.3)),
    (MseLogits(), losses.mse_logits_loss(STUDENT, TEACHER)),
    (Cosine(), losses.cosine_loss(STUDENT, TEACHER)),
]
TERMS = {section.kind: logit_term(section, target="class") for section, _ in OF_CLASSES}


def moment(*, step: int = 1, **facts: Any) -> Moment:
    seen: dict[str, Any] = {
        "student": Answer(STUDENT),
        "teacher": Answer(TEACHER),
        "labels": LABELS,
        "mask": None,
    }
    return Moment(**seen | facts, step=step, pace=PACE)


def between_layers(section: LayerTerm) -> Term:
    return Term(section.kind, section.weight, lambda _: torch.tensor(42.0))


@pytest.mark.parametrize(("section", "value"), OF_CLASSES, ids=TERMS)
def test_a_term_is_the_public_loss_with_the_documents_parameters(section: LogitTerm, value: Tensor) -> None:
    assert logit_term(section, target="class").loss(moment()).item() == value.item()


SETS = torch.tensor([[1, 0, 1], [-1, -1, -1]], dtype=torch.int8)
NUMBERS = torch.tensor([[1.0, 0.0, 2.0], [float("nan")] * 3])


@pytest.mark.parametrize(
    ("target", "labels", "value"),
    [
        ("tag", LABELS, losses.hard_target_loss(STUDENT, LABELS)),
        ("label_set", SETS, losses.binary_target_loss(STUDENT, SETS)),
        ("number", NUMBERS, losses.squared_error_loss(STUDENT, NUMBERS)),
    ],
)
def test_the_student_loss_is_that_of_the_target(target: Target, labels: Tensor, value: Tensor) -> None:
    hard = logit_term(HardTarget(), target=target)

    assert hard.loss(moment(labels=labels)).item() == value.item()


def test_the_distillation_loss_of_a_set_of_labels_is_that_of_each_label() -> None:
    soft = logit_term(SoftTarget(temperature=3.0), target="label_set")

    value = losses.binary_soft_target_loss(STUDENT, TEACHER, temperature=3.0)

    assert soft.loss(moment(labels=SETS)).item() == value.item()


@pytest.mark.parametrize(
    ("section", "target"),
    [(SoftTarget(), "number"), (SoftTarget(), "embedding"), (HardTarget(), "embedding")],
)
def test_a_term_without_a_meaning_for_the_target_is_refused(section: LogitTerm, target: Target) -> None:
    with pytest.raises(ValueError, match=f"'{section.kind}' has no meaning where the target is"):
        logit_term(section, target=target)


def test_the_terms_of_a_stage_stand_in_the_order_of_the_document() -> None:
    listed = terms_of(
        [HardTarget(weight=0.1), Hint(weight=5.0), SoftTarget(weight=0.9)],
        target="class",
        layer_term=between_layers,
    )

    assert [(term.kind, term.weight) for term in listed] == [
        ("hard_target", 0.1),
        ("hint", 5.0),
        ("soft_target", 0.9),
    ]
    assert listed[1].loss(moment()).item() == 42


def test_the_student_loss_alone_needs_no_teacher() -> None:
    assert {kind for kind, term in TERMS.items() if not term.needs_teacher} == {"hard_target"}
    assert torch.isfinite(TERMS["hard_target"].loss(moment(teacher=None)))


def test_a_temperature_moves_with_the_steps_of_the_stage() -> None:
    soft = logit_term(
        SoftTarget(temperature=TemperatureRamp(kind="linear", start=8.0, end=2.0)), target="class"
    )

    for step, temperature in [(1, 8.0), (4, 6.0), (10, 2.0)]:
        value = losses.soft_target_loss(STUDENT, TEACHER, temperature=temperature)
        assert soft.loss(moment(step=step)).item() == pytest.approx(value.item())


def test_a_weight_moves_with_the_epochs_of_the_stage() -> None:
    term = logit_term(SoftTarget(weight=WeightWarmup(kind="warmup", value=4.0, epochs=2)), target="class")

    assert [term.weight_at(step, PACE) for step in (1, 4, 5, 6)] == pytest.approx([0.8, 3.2, 4.0, 4.0])


def test_an_auto_weight_is_one_until_its_gradient_was_measured() -> None:
    term = logit_term(SoftTarget(weight=WeightOfShare(kind="auto", share=0.5)), target="class")

    assert term.weight_at(1, PACE) == 1


def test_the_terms_that_a_batch_in_parts_refuses_are_those_that_compare_its_examples() -> None:
    over_the_batch = {kind for kind, term in TERMS.items() if term.averages_over == "batch"}

    assert over_the_batch == COMPARES_EXAMPLES & TERMS.keys()


def test_every_term_between_outputs_is_here() -> None:
    assert {section.model_fields["kind"].default for section in get_args(LogitTerm)} == TERMS.keys()
