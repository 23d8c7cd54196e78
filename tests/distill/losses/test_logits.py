"""What the losses between logits promise beyond what holds of every loss."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from distill import losses


@st.composite
def logits(draw: st.DrawFn, scale: float = 5.0) -> Tensor:
    """Of at least two rows that differ, float64 (rows, classes)."""
    rows, classes = draw(st.integers(2, 6)), draw(st.integers(2, 8))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    return torch.randn(rows, classes, generator=generator, dtype=torch.float64) * scale


def gradient(loss: Callable[[Tensor], Tensor], student: Tensor) -> Tensor:
    student = student.clone().requires_grad_()
    return torch.autograd.grad(loss(student), student)[0]


AT_A_TEMPERATURE: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "soft_target": lambda s, t, T: losses.soft_target_loss(s, t, temperature=T),
    "standardized": lambda s, t, T: losses.standardized_loss(s, t, temperature=T),
    "binary_soft_target": lambda s, t, T: losses.binary_soft_target_loss(s, t, temperature=T),
    "non-target part": lambda s, t, T: losses.decoupled_loss(
        s, t, torch.zeros(len(s), dtype=torch.int64), alpha=0, beta=1, temperature=T
    ),
}


@pytest.mark.parametrize("loss", AT_A_TEMPERATURE.values(), ids=AT_A_TEMPERATURE.keys())
@given(teacher=logits(scale=1.0).filter(lambda t: t.shape[1] > 2))
def test_the_size_of_the_gradient_hardly_depends_on_a_high_temperature(
    loss: Callable[[Tensor, Tensor, float], Tensor], teacher: Tensor
) -> None:
    student = teacher.flip(1) * 0.5

    warm, hot = (gradient(lambda s, T=T: loss(s, teacher, T), student).norm().item() for T in (20.0, 200.0))

    assert hot == pytest.approx(warm, rel=0.25)


@given(teacher=logits(scale=2.0))
def test_soft_targets_become_the_matching_of_centered_logits_as_the_temperature_rises(
    teacher: Tensor,
) -> None:
    student = teacher.flip(1) * 0.5
    difference = (student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))
    limit = difference.square().sum(1).mean() / (2 * teacher.shape[1])

    loss = losses.soft_target_loss(student.float(), teacher.float(), temperature=1000.0)

    assert loss.item() == pytest.approx(limit.item(), rel=0.05, abs=1e-4)


@given(teacher=logits(), temperature=st.floats(0.5, 20))
def test_the_parts_of_the_decoupled_loss_make_up_the_soft_one(teacher: Tensor, temperature: float) -> None:
    student, labels = teacher[:1].flip(1) * 0.5, torch.tensor([1])
    teacher = teacher[:1]

    def part(alpha: float, beta: float) -> Tensor:
        return losses.decoupled_loss(
            student, teacher, labels, alpha=alpha, beta=beta, temperature=temperature
        )

    target_probability = F.softmax(teacher / temperature, dim=-1)[0, 1]
    whole = losses.soft_target_loss(student, teacher, temperature=temperature)

    assert (part(1, 0) + (1 - target_probability) * part(0, 1)).item() == pytest.approx(whole.item())


def test_the_target_of_an_unlabeled_row_is_the_teachers_top_class() -> None:
    student, teacher = torch.tensor([[0.0, 1.0, 0.5]]), torch.tensor([[0.0, 1.0, 3.0]])
    facts = {"alpha": 1.0, "beta": 8.0, "temperature": 4.0}

    unlabeled = losses.decoupled_loss(student, teacher, torch.tensor([-1]), **facts)

    assert unlabeled.item() == losses.decoupled_loss(student, teacher, torch.tensor([2]), **facts).item()


def test_the_ends_of_the_jensen_shannon_divergence_are_the_two_kl_divergences() -> None:
    student, teacher = torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, -1.0]])

    forward = losses.jensen_shannon_loss(student, teacher, beta=0)
    backward = losses.jensen_shannon_loss(student, teacher, beta=1)

    assert forward.item() == pytest.approx(losses.soft_target_loss(student, teacher, temperature=1).item())
    assert backward.item() == pytest.approx(losses.reverse_kl_loss(student, teacher).item())


@given(teacher=logits())
def test_standardized_logits_mean_the_same_at_any_scale_and_shift(teacher: Tensor) -> None:
    student = teacher.flip(1) * 0.5

    loss = losses.standardized_loss(student, teacher, temperature=2.0)
    elsewhere = losses.standardized_loss(7 * student + 3, teacher, temperature=2.0)

    assert elsewhere.item() == pytest.approx(loss.item(), rel=1e-4, abs=1e-6)


@given(teacher=logits())
def test_the_levels_of_several_temperatures_add_up(teacher: Tensor) -> None:
    student = teacher.flip(1) * 0.5

    both = losses.multi_level_loss(student, teacher, temperatures=[2.0, 5.0])
    each = [losses.multi_level_loss(student, teacher, temperatures=[T]).item() for T in (2.0, 5.0)]

    assert both.item() == pytest.approx(sum(each))


def test_hard_targets_average_over_labeled_rows_alone() -> None:
    student = torch.tensor([[2.0, 0.0], [0.0, 3.0], [5.0, -5.0]])

    some = losses.hard_target_loss(student, torch.tensor([0, -1, 1]))

    assert some.item() == pytest.approx(F.cross_entropy(student[[0, 2]], torch.tensor([0, 1])).item())


def test_hard_targets_of_half_precision_are_counted_in_float32() -> None:
    student = torch.tensor([[0.0, 1.0]], dtype=torch.float16)

    assert losses.hard_target_loss(student, torch.tensor([0])).dtype == torch.float32
