"""The loss of a job: the sum of the weighted terms that its document lists."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from distill.config.losses import (
    Decoupled,
    Dist,
    HardTarget,
    JensenShannon,
    ReverseKl,
    SoftTarget,
    Standardized,
)
from distill.losses.logits import (
    decoupled_loss,
    dist_loss,
    hard_target_loss,
    jensen_shannon_loss,
    reverse_kl_loss,
    soft_target_loss,
    standardized_loss,
)

LossSection = SoftTarget | HardTarget | Decoupled | Dist | Standardized | ReverseKl | JensenShannon


@dataclass(frozen=True)
class Term:
    """One weighted loss of (student logits, teacher logits, labels)."""

    kind: str
    weight: float
    loss: Callable[[Tensor, Tensor, Tensor], Tensor]


def term(section: LossSection) -> Term:
    """The term that a section of the job document describes."""
    kind, weight = section.kind, section.weight
    match section:
        case SoftTarget(temperature=T):
            return Term(kind, weight, lambda s, t, _: soft_target_loss(s, t, temperature=T))
        case HardTarget():
            return Term(kind, weight, lambda s, _, labels: hard_target_loss(s, labels))
        case Decoupled(alpha=a, beta=b, temperature=T):
            return Term(
                kind,
                weight,
                lambda s, t, labels: decoupled_loss(s, t, labels, alpha=a, beta=b, temperature=T),
            )
        case Dist(beta=b, gamma=c, temperature=T):
            return Term(kind, weight, lambda s, t, _: dist_loss(s, t, beta=b, gamma=c, temperature=T))
        case Standardized(temperature=T):
            return Term(kind, weight, lambda s, t, _: standardized_loss(s, t, temperature=T))
        case ReverseKl():
            return Term(kind, weight, lambda s, t, _: reverse_kl_loss(s, t))
        case JensenShannon(beta=b):
            return Term(kind, weight, lambda s, t, _: jensen_shannon_loss(s, t, beta=b))


def terms(sections: Sequence[LossSection]) -> tuple[Term, ...]:
    """The terms of a job, in its document's order."""
    return tuple(term(section) for section in sections)


def gradient_shares(losses: dict[str, Tensor], terms: Sequence[Term], logits_BC: Tensor) -> dict[str, float]:
    """How much of the gradient each weighted term gives, by its norm; the shares add up to 1.

    Taken at the student's logits, through which every term acts: no pass through the network. Empty
    where there is no gradient, or no finite one.
    """
    norms = {
        term.kind: term.weight
        * float(torch.autograd.grad(losses[term.kind], logits_BC, retain_graph=True)[0].norm())
        for term in terms
        if term.weight > 0
    }
    total = sum(norms.values())
    return {kind: norm / total for kind, norm in norms.items()} if 0 < total < inf else {}
