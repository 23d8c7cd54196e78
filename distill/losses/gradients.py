"""How much of the gradient each term gives, and the weights that keep a term at its share of it."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from distill.config.schedules import WeightOfShare
from distill.losses.terms import Pace, Term

SMOOTHING = 0.1
"""What the latest measurement counts for beside all earlier ones, once there are as many as its inverse."""
MOST = 1e6
"""The largest weight that is found. A term that has nothing left to teach has a gradient of rounding errors;
to hold its share it would take any weight."""


def gradient_norms(losses: Mapping[str, Tensor], parameters: Sequence[Tensor]) -> dict[str, float]:
    """The norm of each unweighted loss's gradient at the student's parameters.

    One backward pass a loss, so ask seldom. The graph stays for the update's own pass, and `grad` of
    the parameters as it is. Zero where a loss does not reach the parameters.
    """
    return {kind: _norm(loss, parameters) for kind, loss in losses.items()}


def _norm(loss: Tensor, parameters: Sequence[Tensor]) -> float:
    if not loss.requires_grad:
        return 0.0
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    norms = [gradient.norm() for gradient in gradients if gradient is not None]
    return float(torch.stack(norms).norm()) if norms else 0.0


def shares(norms: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """How much of the gradient each weighted term gives, by its norm; the shares add up to 1.

    Of terms whose weight is zero none. Empty where there is no gradient, or no finite one.
    """
    weighted = {kind: weight * norms[kind] for kind, weight in weights.items() if weight > 0}
    total = sum(weighted.values())
    return {kind: norm / total for kind, norm in weighted.items()} if total > 0 and isfinite(total) else {}


class AutoWeights:
    """The weights of a stage's terms, those of kind `auto` from measured gradients.

    With w and g the weights and the smoothed gradient norms, G the sum of w * g over the terms whose
    weight is given, and S the sum of all shares that are asked for:

        w_i = share_i / (1 - S) * G / g_i

    so that term i gives share_i of the sum of all weighted norms, unless that took more than `MOST`.
    """

    def __init__(self) -> None:
        self._measurements = 0
        self._norms: dict[str, float] = {}

    def observe(self, norms: Mapping[str, float]) -> None:
        """Take in measured norms of unweighted gradients; those of a step that overflowed count nothing.

        The average of all, until a moving average takes over: so that a first batch without labels does
        not count for more than another.
        """
        if not all(isfinite(norm) for norm in norms.values()):
            return
        self._measurements += 1
        new = max(SMOOTHING, 1 / self._measurements)
        self._norms = {kind: (1 - new) * self._norms.get(kind, 0.0) + new * norms[kind] for kind in norms}

    def weights(self, terms: Sequence[Term], step: int, pace: Pace) -> dict[str, float]:
        """The weight of each term in update `step`. An `auto` one is 1 until it has a gradient, and one
        beside it, to hold a share of."""
        weights = {term.kind: term.weight_at(step, pace) for term in terms}
        wanted = {term.kind: term.weight.share for term in terms if isinstance(term.weight, WeightOfShare)}
        given = sum(weights[kind] * norm for kind, norm in self._norms.items() if kind not in wanted)
        for kind, share in wanted.items():
            if given > 0 and self._norms[kind] > 0:
                weights[kind] = min(MOST, share / (1 - sum(wanted.values())) * given / self._norms[kind])
        return weights

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs, ready for JSON, which keeps every bit of it."""
        return {"measurements": self._measurements, "norms": dict(self._norms)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Stand again where `state` was taken."""
        self._measurements, self._norms = state["measurements"], dict(state["norms"])
