"""What must hold of the losses for any logits."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from distill import losses

DIVERGENCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "soft_target": lambda s, t: losses.soft_target_loss(s, t, temperature=4.0),
    "decoupled": lambda s, t: losses.decoupled_loss(
        s, t, torch.zeros(len(s), dtype=torch.int64), alpha=1, beta=8, temperature=4.0
    ),
    "dist": lambda s, t: losses.dist_loss(s, t, beta=1, gamma=1, temperature=1.0),
    "standardized": lambda s, t: losses.standardized_loss(s, t, temperature=2.0),
    "reverse_kl": losses.reverse_kl_loss,
    "jensen_shannon": lambda s, t: losses.jensen_shannon_loss(s, t, beta=0.5),
    "relational": lambda s, t: losses.relational_loss(s, t, distance_weight=25, angle_weight=50),
    "similarity": losses.similarity_loss,
    "probabilistic_transfer": losses.probabilistic_transfer_loss,
}
named = pytest.mark.parametrize("loss", DIVERGENCES.values(), ids=DIVERGENCES.keys())


@st.composite
def logits(draw: st.DrawFn, scale: float = 5.0) -> Tensor:
    """Logits (rows, classes) of at least two distinct rows that vary."""
    rows, classes = draw(st.integers(2, 6)), draw(st.integers(2, 8))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    return torch.randn(rows, classes, generator=generator, dtype=torch.float64) * scale


def gradient(loss: Callable[[Tensor], Tensor], student: Tensor) -> Tensor:
    student = student.clone().requires_grad_()
    return torch.autograd.grad(loss(student), student)[0]


@named
@given(teacher=logits(scale=1.0))
def test_a_student_that_equals_its_teacher_has_no_loss(
    loss: Callable[[Tensor, Tensor], Tensor], teacher: Tensor
) -> None:
    probabilities = teacher.softmax(dim=-1)
    assume(probabilities.std(dim=0).min() > 0.01)  # where nothing varies there is nothing to correlate
    assume(probabilities.std(dim=1).min() > 0.01)

    assert loss(teacher.clone(), teacher).item() == pytest.approx(0, abs=1e-3)


@named
@given(teacher=logits())
def test_no_loss_is_negative(loss: Callable[[Tensor, Tensor], Tensor], teacher: Tensor) -> None:
    assert loss(teacher.flip(0) * 0.7 + 1, teacher).item() >= -1e-9


@named
def test_a_batch_of_one_has_a_finite_loss_and_gradient(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    teacher = torch.tensor([[1.0, 2.0, -1.0]])
    student = torch.tensor([[0.5, -0.5, 0.25]])

    assert torch.isfinite(loss(student, teacher))
    assert torch.isfinite(gradient(lambda s: loss(s, teacher), student)).all()


@named
def test_equal_examples_in_a_batch_have_a_finite_gradient_of_ordinary_size(
    loss: Callable[[Tensor, Tensor], Tensor],
) -> None:
    teacher = torch.tensor([[1.0, 2.0, -1.0], [1.0, 2.0, -1.0], [0.0, 0.5, 3.0]])
    student = torch.tensor([[0.5, -0.5, 0.25], [0.5, -0.5, 0.25], [0.5, -0.5, 0.25]])

    assert gradient(lambda s: loss(s, teacher), student).abs().max() < 1e3


@named
def test_a_student_of_constant_logits_has_a_gradient_of_ordinary_size(
    loss: Callable[[Tensor, Tensor], Tensor],
) -> None:
    teacher = torch.tensor([[1.0, 2.0, -1.0], [0.0, 0.5, 3.0]])

    assert gradient(lambda s: loss(s, teacher), torch.zeros(2, 3)).abs().max() < 1e3


@pytest.mark.parametrize(
    "loss", [DIVERGENCES[name] for name in ("soft_target", "decoupled", "reverse_kl", "jensen_shannon")]
)
def test_a_teacher_who_is_entirely_sure_gives_a_finite_loss(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    teacher = torch.tensor([[4000.0, -4000.0, 0.0], [-900.0, 900.0, 0.0]])
    student = torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 1.0]])

    assert torch.isfinite(loss(student, teacher))
    assert torch.isfinite(gradient(lambda s: loss(s, teacher), student)).all()


@given(teacher=logits(scale=1.0))
def test_the_size_of_the_soft_gradient_hardly_depends_on_a_high_temperature(teacher: Tensor) -> None:
    student = teacher.flip(1) * 0.5

    warm, hot = (
        gradient(lambda s, T=T: losses.soft_target_loss(s, teacher, temperature=T), student).norm().item()
        for T in (20.0, 200.0)
    )

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


def test_the_ends_of_the_jensen_shannon_divergence_are_the_two_kl_divergences() -> None:
    student, teacher = torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, -1.0]])

    forward = losses.jensen_shannon_loss(student, teacher, beta=0)
    backward = losses.jensen_shannon_loss(student, teacher, beta=1)

    assert forward.item() == pytest.approx(losses.soft_target_loss(student, teacher, temperature=1).item())
    assert backward.item() == pytest.approx(losses.reverse_kl_loss(student, teacher).item())


def test_hard_targets_average_over_labeled_rows_alone() -> None:
    student = torch.tensor([[2.0, 0.0], [0.0, 3.0], [5.0, -5.0]])

    some = losses.hard_target_loss(student, torch.tensor([0, -1, 1]))

    assert some.item() == pytest.approx(F.cross_entropy(student[[0, 2]], torch.tensor([0, 1])).item())


def test_hard_targets_of_unlabeled_rows_are_zero_with_a_zero_gradient() -> None:
    unlabeled = torch.tensor([-1, -1])

    assert losses.hard_target_loss(torch.ones(2, 3), unlabeled).item() == 0
    assert not gradient(lambda s: losses.hard_target_loss(s, unlabeled), torch.ones(2, 3)).any()


def test_the_target_of_an_unlabeled_row_is_the_teachers_top_class() -> None:
    student, teacher = torch.tensor([[0.0, 1.0, 0.5]]), torch.tensor([[0.0, 1.0, 3.0]])
    facts = {"alpha": 1.0, "beta": 8.0, "temperature": 4.0}

    unlabeled = losses.decoupled_loss(student, teacher, torch.tensor([-1]), **facts)

    assert unlabeled.item() == losses.decoupled_loss(student, teacher, torch.tensor([2]), **facts).item()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_give_a_float32_loss(dtype: torch.dtype) -> None:
    student, teacher = torch.tensor([[0.0, 1.0]], dtype=dtype), torch.tensor([[2.0, -1.0]], dtype=dtype)

    assert losses.soft_target_loss(student, teacher, temperature=20).dtype == torch.float32
    assert losses.hard_target_loss(student, torch.tensor([0])).dtype == torch.float32


def test_the_larger_attention_map_is_pooled_to_the_smaller() -> None:
    large, small = torch.rand(2, 3, 8, 8), torch.rand(2, 5, 4, 4)

    assert torch.isfinite(losses.attention_transfer_loss(large, small))
    assert torch.isfinite(losses.attention_transfer_loss(small, large))


def test_features_of_two_shapes_need_a_projector_first() -> None:
    with pytest.raises(ValueError, match="project one onto the other"):
        losses.hint_loss(torch.zeros(2, 3), torch.zeros(2, 4))
