"""What must hold of every loss, whatever student and teacher give."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill import losses
from tests.distill.losses.every import EVERY, EXAMPLES, OF_CLASSES, OF_EMBEDDINGS, OF_LAYERS, Case, gradient

BESIDE_PADDING = ["hidden_state mse", "attention_map scores", "attention_map probabilities", "value_relation"]
seeds = st.integers(0, 2**31)
few = settings(max_examples=25)  # of each of many losses


def each(cases: Mapping[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def test_every_public_loss_with_a_teacher_is_here() -> None:
    public = {name.removesuffix("_loss") for name in losses.__all__}

    assert public - {name.split()[0] for name in EVERY} == {"hard_target", "binary_target", "squared_error"}


@each(EVERY)
@few
@given(seed=seeds)
def test_a_student_that_equals_its_teacher_has_no_loss_and_nothing_to_learn(case: Case, seed: int) -> None:
    batch = case.batch(seed)
    equal = replace(batch, student=batch.teacher)

    assert case.loss(equal).item() == pytest.approx(0, abs=1e-4)
    assert gradient(case.loss, equal).abs().max() < 1e-4


@each(EVERY)
@few
@given(seed=seeds)
def test_a_student_that_differs_has_a_positive_loss_and_something_to_learn(case: Case, seed: int) -> None:
    batch = case.batch(seed)

    assert case.loss(batch).item() > 1e-6
    assert gradient(case.loss, batch).abs().max() > 1e-6


@each(EVERY)
@few
@given(seed=seeds, order=st.permutations(range(EXAMPLES)))
def test_the_order_of_the_batch_means_nothing(case: Case, seed: int, order: list[int]) -> None:
    batch, rows = case.batch(seed), torch.tensor(order)

    assert case.loss(batch.at(rows)).item() == pytest.approx(case.loss(batch).item(), rel=1e-9)


@each(OF_CLASSES | OF_EMBEDDINGS)
@few
@given(seed=seeds, order=st.permutations(range(5)))
def test_the_order_of_the_classes_means_nothing(case: Case, seed: int, order: list[int]) -> None:
    batch, place = case.batch(seed), torch.tensor(order)
    labels = torch.where(batch.labels < 0, batch.labels, place.argsort()[batch.labels])
    renamed = replace(batch, student=batch.student[:, place], teacher=batch.teacher[:, place], labels=labels)

    assert case.loss(renamed).item() == pytest.approx(case.loss(batch).item(), rel=1e-9)


@each(EVERY)
def test_a_batch_of_one_has_a_finite_loss_and_gradient(case: Case) -> None:
    one = case.batch().at(torch.tensor([0]))

    assert torch.isfinite(case.loss(one))
    assert torch.isfinite(gradient(case.loss, one)).all()


@each(EVERY)
def test_equal_examples_in_a_batch_have_a_gradient_of_ordinary_size(case: Case) -> None:
    twins = case.batch().at(torch.tensor([0, 0, 1, 1, 1]))

    assert gradient(case.loss, twins).abs().max() < 1e3


@each(EVERY)
@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_a_constant_student_has_a_gradient_of_ordinary_size(case: Case, constant: float) -> None:
    batch = case.batch()
    dead = replace(batch, student=torch.full_like(batch.student, constant).float())

    assert gradient(case.loss, dead).abs().max() < 1e3


@each(EVERY)
def test_a_constant_teacher_gives_a_gradient_of_ordinary_size(case: Case) -> None:
    batch = case.batch()
    dead = replace(batch, teacher=torch.zeros_like(batch.teacher), student=batch.student.float())

    assert gradient(case.loss, dead).abs().max() < 1e3


@each(OF_CLASSES)
def test_a_teacher_that_is_entirely_sure_gives_a_finite_loss_and_gradient(case: Case) -> None:
    batch = case.batch()
    sure = replace(batch, teacher=1e4 * batch.teacher.sign() * batch.teacher.abs().ceil())

    assert torch.isfinite(case.loss(sure))
    assert torch.isfinite(gradient(case.loss, sure)).all()


@each(OF_CLASSES)
def test_a_student_that_is_entirely_sure_has_a_finite_loss_and_gradient(case: Case) -> None:
    batch = case.batch()
    sure = replace(batch, student=1e4 * batch.student)

    assert torch.isfinite(case.loss(sure))
    assert torch.isfinite(gradient(case.loss, sure)).all()


@each(EVERY)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_loses_nothing_beyond_its_own_digits(case: Case, dtype: torch.dtype) -> None:
    batch = case.batch(scale=300.0)  # the square of 300 is beyond float16
    half = replace(batch, student=batch.student.to(dtype), teacher=batch.teacher.to(dtype))
    same_digits = replace(half, student=half.student.float(), teacher=half.teacher.float())

    assert case.loss(half).dtype == torch.float32
    assert torch.isfinite(case.loss(half))
    assert case.loss(half).item() == case.loss(same_digits).item()


@pytest.mark.parametrize("name", ["soft_target", "decoupled", "dist", "standardized", "multi_level"])
def test_half_precision_at_a_temperature_of_20_overflows_nowhere(name: str) -> None:
    hot = {
        "soft_target": lambda s, t: losses.soft_target_loss(s, t, temperature=20),
        "decoupled": lambda s, t: losses.decoupled_loss(
            s, t, torch.tensor([0, 1, -1, 2, 3, 4]), alpha=1, beta=8, temperature=20
        ),
        "dist": lambda s, t: losses.dist_loss(s, t, beta=1, gamma=1, temperature=20),
        "standardized": lambda s, t: losses.standardized_loss(s, t, temperature=20),
        "multi_level": lambda s, t: losses.multi_level_loss(s, t, temperatures=[20.0]),
    }[name]
    batch = OF_CLASSES[name].batch(scale=5.0)
    student, teacher = batch.student.half().requires_grad_(), batch.teacher.half()

    loss = hot(student, teacher)
    (slope,) = torch.autograd.grad(loss, student)

    exact = hot(student.detach().double(), teacher.double())
    assert loss.item() == pytest.approx(exact.item(), rel=1e-6)
    assert torch.isfinite(slope).all()
    assert slope.abs().max() > 0


@each(
    {name: EVERY[name] for name in EVERY if "_map" in name or name in ("hidden_state mse", "value_relation")}
)
def test_what_stands_in_the_padding_means_nothing(case: Case) -> None:
    batch = case.batch()
    spots = batch.mask[:, None, :] if batch.student.ndim == 4 else batch.mask
    padding = ~spots.unsqueeze(-1).expand_as(batch.student)
    if case.shape[-1] == case.shape[-2]:
        padding = padding | ~batch.mask[:, None, None, :]
    filled = replace(batch, student=batch.student.masked_fill(padding, 1e4))

    assert case.loss(filled).item() == case.loss(batch).item()
    assert not gradient(case.loss, batch)[padding].any()


@each({name: case for name, case in OF_LAYERS.items() if name != "attention_transfer"})
def test_layers_of_shapes_that_cannot_be_compared_are_refused_with_both(case: Case) -> None:
    batch = case.batch()

    with pytest.raises(ValueError, match="project one onto the other"):
        case.loss(replace(batch, student=batch.student[:, :1]))


def test_attention_is_transferred_between_any_numbers_of_channels() -> None:
    batch = OF_LAYERS["attention_transfer"].batch()

    assert torch.isfinite(losses.attention_transfer_loss(batch.student[:, :1], batch.teacher))


def test_the_larger_attention_map_is_pooled_to_the_smaller() -> None:
    large, small = torch.rand(2, 3, 8, 8), torch.rand(2, 5, 4, 4)
    pooled = torch.nn.functional.adaptive_avg_pool2d(large, 4)

    loss = losses.attention_transfer_loss(large, small)

    assert loss.item() == pytest.approx(losses.attention_transfer_loss(pooled, small).item())
    assert losses.attention_transfer_loss(small, large).item() == loss.item()
