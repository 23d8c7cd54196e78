import torch

from distill.config.losses import Decoupled, HardTarget, SoftTarget
from distill.losses import soft_target_loss
from distill.losses.terms import gradient_shares, term, terms


def test_the_terms_stand_in_the_order_of_the_document() -> None:
    listed = terms([HardTarget(weight=0.1), SoftTarget(weight=0.9), Decoupled(weight=2.0)])

    assert [(term.kind, term.weight) for term in listed] == [
        ("hard_target", 0.1),
        ("soft_target", 0.9),
        ("decoupled", 2.0),
    ]


def test_a_term_is_the_public_loss_with_the_documents_parameters() -> None:
    student, teacher = torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, -1.0]])

    value = term(SoftTarget(temperature=7.0)).loss(student, teacher, torch.tensor([-1]))

    assert value.item() == soft_target_loss(student, teacher, temperature=7.0).item()


def test_shares_of_the_gradient_follow_the_weights_and_add_up_to_one() -> None:
    student = torch.tensor([[0.0, 1.0, 0.5]], requires_grad=True)
    teacher, labels = torch.tensor([[2.0, -1.0, 0.0]]), torch.tensor([0])
    listed = terms([SoftTarget(weight=1.0), HardTarget(weight=1e-4)])
    losses = {term.kind: term.loss(student, teacher, labels) for term in listed}

    shares = gradient_shares(losses, listed, student)

    assert sum(shares.values()) == 1
    assert shares["hard_target"] < 0.01


def test_a_term_of_no_weight_has_no_share() -> None:
    student = torch.tensor([[0.0, 1.0, 0.5]], requires_grad=True)
    listed = terms([SoftTarget(weight=1.0), HardTarget(weight=0.0)])
    losses = {term.kind: term.loss(student, torch.zeros(1, 3), torch.tensor([0])) for term in listed}

    assert gradient_shares(losses, listed, student) == {"soft_target": 1.0}
