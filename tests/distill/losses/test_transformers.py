import pytest
import torch
import torch.nn.functional as F

from distill import losses
from tests.distill.losses.every import OF_LAYERS


def test_states_are_averaged_over_real_tokens_not_over_texts() -> None:
    student = torch.zeros(2, 3, 2)
    teacher = torch.tensor([[[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], [[2.0, 2.0], [9.0, 9.0], [9.0, 9.0]]])
    mask = torch.tensor([[True, True, True], [True, False, False]])

    loss = losses.hidden_state_loss(student, teacher, mask, form="mse")

    assert loss.item() == pytest.approx((1 + 1 + 1 + 4) / 4)


def test_scores_are_averaged_over_pairs_of_which_both_are_real() -> None:
    student, teacher = torch.zeros(1, 1, 3, 3), torch.arange(9.0).view(1, 1, 3, 3)
    mask = torch.tensor([[True, True, False]])

    loss = losses.attention_map_loss(student, teacher, mask, form="scores")

    assert loss.item() == pytest.approx((0 + 1 + 9 + 16) / 4)


def test_attention_is_compared_by_what_a_real_query_makes_of_real_keys() -> None:
    case = OF_LAYERS["attention_map probabilities"]
    text = case.batch().at(torch.tensor([1]))
    length = int(text.mask.sum())
    cut = text.student[:, :, :length, :length], text.teacher[:, :, :length, :length]

    by_hand = F.kl_div(cut[0].log_softmax(-1), cut[1].log_softmax(-1), reduction="none", log_target=True).sum(
        -1
    )

    assert case.loss(text).item() == pytest.approx(by_hand.mean().item())


def test_the_relation_of_values_knows_no_size_of_a_head() -> None:
    values = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(2, 5, dtype=torch.bool)
    twice_as_wide = torch.cat([values, values], dim=-1) / 2**0.25  # as VV' / sqrt(d) has it

    same = losses.value_relation_loss(values, twice_as_wide, mask)
    other = losses.value_relation_loss(values, twice_as_wide.flip(2), mask)

    assert same.item() == pytest.approx(0, abs=1e-6)
    assert other.item() > 0.01


def test_a_text_of_padding_alone_is_no_reason_for_a_nan() -> None:
    case = OF_LAYERS["value_relation"]
    batch = case.batch()
    student = batch.student.requires_grad_()

    loss = losses.value_relation_loss(student, batch.teacher, torch.zeros_like(batch.mask))

    assert loss.item() == 0
    assert torch.equal(torch.autograd.grad(loss, student)[0], torch.zeros_like(student))


def test_another_number_of_heads_is_refused_with_both_shapes() -> None:
    mask = torch.ones(1, 4, dtype=torch.bool)

    with pytest.raises(ValueError, match=r"\(1, 2, 4, 4\), the teacher's \(1, 3, 4, 4\)"):
        losses.value_relation_loss(torch.zeros(1, 2, 4, 5), torch.zeros(1, 3, 4, 5), mask)
