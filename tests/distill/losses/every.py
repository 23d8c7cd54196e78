"""Every loss between student and teacher in one form, for what must hold of all of them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from distill import losses
from distill.losses.terms import Over

EXAMPLES, CLASSES = 6, 5
LABELS = torch.tensor([0, 4, -1, 2, -1, 1])
LENGTHS = torch.tensor([7, 3, 5, 1, 7, 2])
MASK = torch.arange(7) < LENGTHS.unsqueeze(-1)

LOGITS = (CLASSES,)
FEATURE = (3, 6, 6)
STATES = (7, 4)
SCORES = (2, 7, 7)
VALUES = (2, 7, 4)


@dataclass(frozen=True)
class Batch:
    """What a loss may see of examples, or words: the tensors of student and teacher, and what is beside."""

    student: Tensor
    teacher: Tensor
    labels: Tensor
    mask: Tensor

    def at(self, rows: Tensor) -> "Batch":
        """Some of the examples, in this order."""
        return Batch(self.student[rows], self.teacher[rows], self.labels[rows], self.mask[rows])


@dataclass(frozen=True)
class Case:
    loss: Callable[[Batch], Tensor]
    shape: tuple[int, ...] = LOGITS
    """Of what student and teacher give for one example."""
    averages_over: Over = "rows"

    def batch(self, seed: int = 0, *, scale: float = 2.0) -> Batch:
        """Student and teacher that differ, float64."""
        generator = torch.Generator().manual_seed(seed)
        student, teacher = (
            scale * torch.randn(EXAMPLES, *self.shape, generator=generator, dtype=torch.float64)
            for _ in range(2)
        )
        return Batch(student, teacher, LABELS, MASK)


def pair(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Batch], Tensor]:
    return lambda b: loss(b.student, b.teacher)


OF_CLASSES = {
    "soft_target": Case(pair(lambda s, t: losses.soft_target_loss(s, t, temperature=4.0))),
    "decoupled": Case(
        lambda b: losses.decoupled_loss(b.student, b.teacher, b.labels, alpha=1, beta=8, temperature=4.0)
    ),
    "dist": Case(
        pair(lambda s, t: losses.dist_loss(s, t, beta=1, gamma=1, temperature=2.0)), averages_over="batch"
    ),
    "standardized": Case(pair(lambda s, t: losses.standardized_loss(s, t, temperature=2.0))),
    "multi_level": Case(
        pair(lambda s, t: losses.multi_level_loss(s, t, temperatures=[2.0, 4.0])), averages_over="batch"
    ),
    "reverse_kl": Case(pair(losses.reverse_kl_loss)),
    "jensen_shannon": Case(pair(lambda s, t: losses.jensen_shannon_loss(s, t, beta=0.3))),
    "mse_logits": Case(pair(losses.mse_logits_loss)),
    "binary_soft_target": Case(pair(lambda s, t: losses.binary_soft_target_loss(s, t, temperature=3.0))),
}
OF_EMBEDDINGS = {
    "cosine": Case(pair(losses.cosine_loss)),
    "relational": Case(
        pair(lambda s, t: losses.relational_loss(s, t, distance_weight=25, angle_weight=50)),
        averages_over="batch",
    ),
    "similarity": Case(pair(losses.similarity_loss), averages_over="batch"),
    "probabilistic_transfer": Case(pair(losses.probabilistic_transfer_loss), averages_over="batch"),
    "correlation": Case(pair(lambda s, t: losses.correlation_loss(s, t, gamma=0.4)), averages_over="batch"),
}
OF_LAYERS = {
    "hint": Case(pair(losses.hint_loss), FEATURE, "examples"),
    "attention_transfer": Case(pair(losses.attention_transfer_loss), FEATURE, "examples"),
    "review": Case(pair(losses.review_loss), FEATURE, "examples"),
    "hidden_state mse": Case(
        lambda b: losses.hidden_state_loss(b.student, b.teacher, b.mask, form="mse"), STATES, "tokens"
    ),
    "hidden_state cosine": Case(
        lambda b: losses.hidden_state_loss(b.student, b.teacher, b.mask, form="cosine"), STATES, "tokens"
    ),
    "attention_map scores": Case(
        lambda b: losses.attention_map_loss(b.student, b.teacher, b.mask, form="scores"),
        SCORES,
        "token_pairs",
    ),
    "attention_map probabilities": Case(
        lambda b: losses.attention_map_loss(b.student, b.teacher, b.mask, form="probabilities"),
        SCORES,
        "tokens",
    ),
    "value_relation": Case(
        lambda b: losses.value_relation_loss(b.student, b.teacher, b.mask), VALUES, "tokens"
    ),
}
EVERY = OF_CLASSES | OF_EMBEDDINGS | OF_LAYERS


def gradient(loss: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
    """Of the loss, by what the student gave."""
    student = batch.student.clone().requires_grad_()
    return torch.autograd.grad(loss(Batch(student, batch.teacher, batch.labels, batch.mask)), student)[0]
