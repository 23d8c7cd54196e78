"""The loss of a stage: the sum of the weighted terms that it lists.

Terms are computed outside of autocast: the formulas choose their own precision.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

from torch import Tensor, nn

from distill.config.losses import (
    Cosine,
    Decoupled,
    Dist,
    HardTarget,
    JensenShannon,
    LayerTerm,
    LogitTerm,
    LossTerm,
    MseLogits,
    MultiLevel,
    ReverseKl,
    SoftTarget,
    Standardized,
)
from distill.config.schedules import (
    TemperatureRamp,
    Weight,
    WeightOfShare,
    WeightRamp,
    WeightWarmup,
    value_at,
)
from distill.config.tasks import Target
from distill.losses.logits import (
    decoupled_loss,
    dist_loss,
    hard_target_loss,
    jensen_shannon_loss,
    multi_level_loss,
    reverse_kl_loss,
    soft_target_loss,
    standardized_loss,
)
from distill.losses.outputs import (
    binary_soft_target_loss,
    binary_target_loss,
    cosine_loss,
    mse_logits_loss,
    squared_error_loss,
)

Over = Literal["rows", "labeled_rows", "examples", "tokens", "token_pairs", "batch"]
"""What a loss is the mean of. Of tags a row is a word, an example the whole text. A loss over the
`batch` compares its examples with each other, so that the losses of parts say nothing of the whole."""


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

    def now(self, given: float | WeightRamp | WeightWarmup | TemperatureRamp) -> float:
        """The value in this update of a number that may move."""
        return value_at(given, self.step, steps=self.pace.steps, steps_of_epoch=self.pace.steps_of_epoch)


@dataclass(frozen=True)
class Term:
    """One weighted loss. `loss` is a mean over what `averages_over` says, a float32 or float64 scalar."""

    kind: str
    weight: Weight
    loss: Callable[[Moment], Tensor]
    averages_over: Over = "rows"
    """How the parts of an accumulated batch add up: see `counts`."""
    projector: nn.Module | None = None
    """What brings the student's features to the teacher's shape; learns with the student."""
    student_taps: tuple[str, ...] = ()
    teacher_taps: tuple[str, ...] = ()

    @property
    def needs_teacher(self) -> bool:
        return self.kind != "hard_target"

    def weight_at(self, step: int, pace: Pace) -> float:
        """The weight in update `step`; of an `auto` weight 1, as until its gradient was measured."""
        if isinstance(self.weight, WeightOfShare):
            return 1.0
        return value_at(self.weight, step, steps=pace.steps, steps_of_epoch=pace.steps_of_epoch)


def terms_of(
    losses: Sequence[LossTerm], *, target: Target, layer_term: Callable[[LayerTerm], Term]
) -> tuple[Term, ...]:
    """The terms of a stage, in its document's order. `layer_term` makes those between layers."""
    return tuple(
        logit_term(section, target=target) if isinstance(section, LogitTerm) else layer_term(section)
        for section in losses
    )


def logit_term(section: LogitTerm, *, target: Target) -> Term:
    """The term between the outputs of student and teacher that a section of the document describes.

    Raises:
        ValueError: the term has no meaning for this target.
    """

    def term(loss: Callable[[Tensor, Tensor, Moment], Tensor], averages_over: Over = "rows") -> Term:
        return Term(
            section.kind,
            section.weight,
            lambda m: loss(m.student.outputs, m.taught.outputs, m),
            averages_over,
        )

    match section:
        case HardTarget():
            return _hard_target(section, target)
        case SoftTarget(temperature=T):
            soft = _of_target(SOFT_TARGET, target, section.kind)
            return term(lambda s, t, m: soft(s, t, temperature=m.now(T)))
        case Decoupled(alpha=a, beta=b, temperature=T):
            return term(lambda s, t, m: decoupled_loss(s, t, m.labels, alpha=a, beta=b, temperature=m.now(T)))
        case Dist(beta=b, gamma=c, temperature=T):
            return term(lambda s, t, m: dist_loss(s, t, beta=b, gamma=c, temperature=m.now(T)), "batch")
        case Standardized(temperature=T):
            return term(lambda s, t, m: standardized_loss(s, t, temperature=m.now(T)))
        case MultiLevel(temperatures=several):
            return term(lambda s, t, _: multi_level_loss(s, t, temperatures=several), "batch")
        case ReverseKl():
            return term(lambda s, t, _: reverse_kl_loss(s, t))
        case JensenShannon(beta=b):
            return term(lambda s, t, _: jensen_shannon_loss(s, t, beta=b))
        case MseLogits():
            return term(lambda s, t, _: mse_logits_loss(s, t))
        case Cosine():
            return term(lambda s, t, _: cosine_loss(s, t))
    assert_never(section)


HARD_TARGET: Mapping[Target, Callable[[Tensor, Tensor], Tensor]] = {
    "class": hard_target_loss,
    "tag": hard_target_loss,
    "label_set": binary_target_loss,
    "number": squared_error_loss,
}
SOFT_TARGET: Mapping[Target, Callable[..., Tensor]] = {
    "class": soft_target_loss,
    "tag": soft_target_loss,
    "label_set": binary_soft_target_loss,
}


def _hard_target(section: HardTarget, target: Target) -> Term:
    hard = _of_target(HARD_TARGET, target, section.kind)
    return Term(section.kind, section.weight, lambda m: hard(m.student.outputs, m.labels), "labeled_rows")


def _of_target(
    losses: Mapping[Target, Callable[..., Tensor]], target: Target, kind: str
) -> Callable[..., Tensor]:
    if target not in losses:
        raise ValueError(f"'{kind}' has no meaning where the target is a {target.replace('_', ' ')}")
    return losses[target]
