"""The loss of a stage: the sum of the weighted terms that it lists."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal

import torch
from torch import Tensor, nn

from distill.config.losses import (
    Decoupled,
    Dist,
    HardTarget,
    JensenShannon,
    LossTerm,
    ReverseKl,
    SoftTarget,
    Standardized,
)
from distill.config.schedules import Weight, WeightOfShare, value_at
from distill.losses.logits import (
    decoupled_loss,
    dist_loss,
    hard_target_loss,
    jensen_shannon_loss,
    reverse_kl_loss,
    soft_target_loss,
    standardized_loss,
)


@dataclass(frozen=True)
class Answer:
    """What a network says of one batch."""

    outputs: Tensor
    """The rows that are judged, (N, outputs): one an example, or one a word."""
    taps: Mapping[str, Tensor] = field(default_factory=dict)
    """What each layer that was asked for gave, as it came: (B, ...)."""


@dataclass(frozen=True)
class Pace:
    """How long the stage is."""

    steps: int
    steps_of_epoch: float


@dataclass(frozen=True)
class Moment:
    """What the terms see of one update."""

    student: Answer
    teacher: Answer | None
    labels: Tensor
    """Of the rows: int64 (N,) of classes and tags, int8 (N, classes) of label sets, float32 (N, outputs) of
    numbers."""
    mask: Tensor | None
    """bool (B, L), True where a token is no padding; None where there are no tokens."""
    step: int
    """Of the stage, counted from 1."""
    pace: Pace

    @property
    def taught(self) -> Answer:
        """The teacher's answer, where a term cannot be without one."""
        assert self.teacher is not None
        return self.teacher


@dataclass(frozen=True)
class Term:
    """One weighted loss. `loss` is a mean over what `averages_over` says, a float32 or float64 scalar."""

    kind: str
    weight: Weight
    loss: Callable[[Moment], Tensor]
    averages_over: Literal["rows", "labeled_rows", "tokens", "batch"] = "rows"
    """How the parts of an accumulated batch add up; a term over the `batch` has no parts."""
    projector: nn.Module | None = None
    """What brings the student's features to the teacher's shape; learns with the student."""
    student_taps: tuple[str, ...] = ()
    teacher_taps: tuple[str, ...] = ()

    @property
    def needs_teacher(self) -> bool:
        return self.kind != "hard_target"

    def weight_at(self, step: int, pace: Pace) -> float:
        """The weight in update `step`; of an `auto` weight, the loop knows better."""
        if isinstance(self.weight, WeightOfShare):
            return 1.0
        return value_at(self.weight, step, steps=pace.steps, steps_of_epoch=pace.steps_of_epoch)


def term(section: LossTerm) -> Term:
    """The term that a section of the job document describes."""

    def now(moment: Moment) -> float:
        return value_at(
            section.temperature,  # type: ignore[union-attr]  # asked for by terms that have one
            moment.step,
            steps=moment.pace.steps,
            steps_of_epoch=moment.pace.steps_of_epoch,
        )

    def of(loss: Callable[[Tensor, Tensor, Moment], Tensor]) -> Term:
        return Term(section.kind, section.weight, lambda m: loss(m.student.outputs, m.taught.outputs, m))

    match section:
        case HardTarget():
            return Term(
                section.kind,
                section.weight,
                lambda m: hard_target_loss(m.student.outputs, m.labels),
                averages_over="labeled_rows",
            )
        case SoftTarget():
            return of(lambda s, t, m: soft_target_loss(s, t, temperature=now(m)))
        case Decoupled(alpha=a, beta=b):
            return of(lambda s, t, m: decoupled_loss(s, t, m.labels, alpha=a, beta=b, temperature=now(m)))
        case Dist(beta=b, gamma=c):
            return of(lambda s, t, m: dist_loss(s, t, beta=b, gamma=c, temperature=now(m)))
        case Standardized():
            return of(lambda s, t, m: standardized_loss(s, t, temperature=now(m)))
        case ReverseKl():
            return of(lambda s, t, _: reverse_kl_loss(s, t))
        case JensenShannon(beta=b):
            return of(lambda s, t, _: jensen_shannon_loss(s, t, beta=b))
    raise NotImplementedError(section.kind)


def terms(sections: Sequence[LossTerm]) -> tuple[Term, ...]:
    """The terms of a stage, in its document's order."""
    return tuple(term(section) for section in sections)


def gradient_shares(
    losses: dict[str, Tensor], weights: Mapping[str, float], logits_BC: Tensor
) -> dict[str, float]:
    """How much of the gradient each weighted term gives, by its norm; the shares add up to 1.

    Taken at the student's logits, through which every term acts: no pass through the network. Empty
    where there is no gradient, or no finite one.
    """
    norms = {
        kind: weight * float(torch.autograd.grad(losses[kind], logits_BC, retain_graph=True)[0].norm())
        for kind, weight in weights.items()
        if weight > 0
    }
    total = sum(norms.values())
    return {kind: norm / total for kind, norm in norms.items()} if 0 < total < inf else {}
