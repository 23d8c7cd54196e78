from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from distill import losses

NAN = float("nan")
UNLABELED: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Tensor]] = {
    "class": (losses.hard_target_loss, torch.tensor([-1, -1])),
    "label_set": (losses.binary_target_loss, torch.full((2, 3), -1, dtype=torch.int8)),
    "number": (losses.squared_error_loss, torch.full((2, 3), NAN)),
}


@pytest.mark.parametrize(("loss", "labels"), UNLABELED.values(), ids=UNLABELED.keys())
def test_where_no_row_is_labeled_there_is_no_loss_and_a_zero_gradient(
    loss: Callable[[Tensor, Tensor], Tensor], labels: Tensor
) -> None:
    student = torch.ones(2, 3, requires_grad=True)

    nothing = loss(student, labels)

    assert nothing.item() == 0
    assert torch.equal(torch.autograd.grad(nothing, student)[0], torch.zeros(2, 3))


def test_sets_of_labels_are_judged_label_by_label_on_labeled_rows_alone() -> None:
    student = torch.tensor([[2.0, -1.0], [9.0, 9.0], [0.5, 0.0]])
    labels = torch.tensor([[1, 0], [-1, -1], [0, 1]], dtype=torch.int8)

    loss = losses.binary_target_loss(student, labels)

    known = F.binary_cross_entropy(student[[0, 2]].sigmoid(), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert loss.item() == pytest.approx(known.item())


def test_numbers_are_judged_by_their_squared_error_on_labeled_rows_alone() -> None:
    student = torch.tensor([[1.0, 2.0], [9.0, 9.0], [0.0, 0.0]], requires_grad=True)
    labels = torch.tensor([[1.0, 4.0], [NAN, NAN], [3.0, 0.0]])

    loss = losses.squared_error_loss(student, labels)

    assert loss.item() == pytest.approx((0 + 4 + 9 + 0) / 4)
    assert torch.equal(torch.autograd.grad(loss, student)[0][1], torch.zeros(2))


def test_the_soft_target_of_one_label_is_that_of_two_classes() -> None:
    student, teacher = torch.tensor([[0.7], [-2.0]]), torch.tensor([[3.0], [0.1]])

    one_label = losses.binary_soft_target_loss(student, teacher, temperature=3.0)
    two_classes = losses.soft_target_loss(F.pad(student, (1, 0)), F.pad(teacher, (1, 0)), temperature=3.0)

    assert one_label.item() == pytest.approx(two_classes.item())


def test_labels_that_a_teacher_is_sure_of_give_a_finite_loss_and_gradient() -> None:
    student = torch.tensor([[500.0, -500.0, 0.0]], requires_grad=True)
    teacher = torch.tensor([[-4000.0, 4000.0, 0.0]])

    loss = losses.binary_soft_target_loss(student, teacher, temperature=1.0)

    assert loss.item() == pytest.approx((500 + 500 + 0) / 3)
    assert torch.isfinite(torch.autograd.grad(loss, student)[0]).all()


def test_the_cosine_loss_sees_directions_alone() -> None:
    teacher = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    student = torch.tensor([[30.0, 40.0], [0.0, 5.0]])

    assert losses.cosine_loss(student, teacher).item() == pytest.approx((0 + 1) / 2)
    assert losses.cosine_loss(-teacher, teacher).item() == pytest.approx(2)


def test_an_embedding_of_no_length_has_no_direction_to_learn() -> None:
    student = torch.zeros(1, 2, requires_grad=True)

    loss = losses.cosine_loss(student, torch.tensor([[3.0, 4.0]]))

    assert loss.item() == 1
    assert torch.equal(torch.autograd.grad(loss, student)[0], torch.zeros(1, 2))
