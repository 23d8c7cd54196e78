"""Losses between the logits of student and teacher.

Shapes: B batch, C classes. Divergences are computed in float64: at a high temperature a KL is a
small difference of nearly equal logarithms, which float32 loses.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.losses.labels import UNLABELED
from distill.losses.numerics import at_least_float32, like


def soft_target_loss(student_BC: Tensor, teacher_BC: Tensor, *, temperature: float) -> Tensor:
    """T^2 * KL(teacher || student) between softened class distributions, mean over the batch.

    The factor T^2 keeps the size of the gradient independent of T (Hinton et al., 2015, section 2).
    """
    student_log_p_BC = _log_probabilities(student_BC, temperature)
    teacher_log_p_BC = _log_probabilities(teacher_BC, temperature)
    return like(student_BC, _kl(teacher_log_p_BC, student_log_p_BC) * temperature**2)


def hard_target_loss(student_BC: Tensor, labels_B: Tensor) -> Tensor:
    """Cross-entropy with the labels at temperature 1, mean over the labeled rows.

    Zero, with a zero gradient, where no row is labeled.
    """
    student_BC = at_least_float32(student_BC)
    total = F.cross_entropy(student_BC, labels_B, ignore_index=UNLABELED, reduction="sum")
    labeled = (labels_B != UNLABELED).sum()
    return total / labeled.clamp(min=1)


def decoupled_loss(
    student_BC: Tensor,
    teacher_BC: Tensor,
    labels_B: Tensor,
    *,
    alpha: float,
    beta: float,
    temperature: float,
) -> Tensor:
    """alpha * target-class KL + beta * non-target-class KL, times T^2, mean over the batch.

    Everything stays in log space, so that a teacher who is sure yields no infinity. The target of
    an unlabeled row is the teacher's top class (Zhao et al., 2022, section 3).
    """
    target_B = torch.where(labels_B == UNLABELED, teacher_BC.argmax(dim=-1), labels_B)
    student_binary_B2, student_rest_BR = _split_by_target(student_BC, target_B, temperature)
    teacher_binary_B2, teacher_rest_BR = _split_by_target(teacher_BC, target_B, temperature)
    target_class = _kl(teacher_binary_B2, student_binary_B2)
    other_classes = _kl(teacher_rest_BR, student_rest_BR)
    return like(student_BC, (alpha * target_class + beta * other_classes) * temperature**2)


def dist_loss(
    student_BC: Tensor, teacher_BC: Tensor, *, beta: float, gamma: float, temperature: float
) -> Tensor:
    """beta * (1 - correlation within rows) + gamma * (1 - correlation within columns), times T^2.

    Rows are relations between classes, columns relations within a class; a batch of one has no
    columns to compare and leaves that part out (Huang et al., 2022, section 3).
    """
    student_p_BC = _log_probabilities(student_BC, temperature).exp()
    teacher_p_BC = _log_probabilities(teacher_BC, temperature).exp()
    loss = beta * (1 - _correlation(student_p_BC, teacher_p_BC).mean())
    if len(student_BC) > 1:
        loss = loss + gamma * (1 - _correlation(student_p_BC.T, teacher_p_BC.T).mean())
    return like(student_BC, loss * temperature**2)


def standardized_loss(student_BC: Tensor, teacher_BC: Tensor, *, temperature: float) -> Tensor:
    """Soft targets of z-scored logits, so that the student need not match the teacher's scale.

    As by Sun et al. (2024, section 4.3); the deviation is the unbiased one, as in the authors' code, where
    algorithm 1 of the paper divides by the number of classes.
    """
    loss = soft_target_loss(_standardized(student_BC), _standardized(teacher_BC), temperature=temperature)
    return like(student_BC, loss)


def multi_level_loss(student_BC: Tensor, teacher_BC: Tensor, *, temperatures: Sequence[float]) -> Tensor:
    """Agreement on instances, on the batch and on the classes, summed over the temperatures.

    With P the softened probabilities (B, C): T^2 * KL for each instance, mean over the batch;
    |PP'(teacher) - PP'(student)|^2 / B between the instances; |P'P(teacher) - P'P(student)|^2 / C between
    the classes (Jin et al., 2023, section 3, and the authors' code). The masks of confidence in that code
    are left out: they multiply losses that are scalars by then, and so do nothing but scale them.
    """
    loss = student_BC.new_zeros((), dtype=torch.float64)
    for temperature in temperatures:
        student_log_p_BC = _log_probabilities(student_BC, temperature)
        teacher_log_p_BC = _log_probabilities(teacher_BC, temperature)
        student_p_BC, teacher_p_BC = student_log_p_BC.exp(), teacher_log_p_BC.exp()
        instances = _kl(teacher_log_p_BC, student_log_p_BC) * temperature**2
        batch_BB = teacher_p_BC @ teacher_p_BC.T - student_p_BC @ student_p_BC.T
        classes_CC = teacher_p_BC.T @ teacher_p_BC - student_p_BC.T @ student_p_BC
        batch = batch_BB.square().sum() / len(batch_BB)
        classes = classes_CC.square().sum() / len(classes_CC)
        loss = loss + instances + batch + classes
    return like(student_BC, loss)


def reverse_kl_loss(student_BC: Tensor, teacher_BC: Tensor) -> Tensor:
    """KL(student || teacher), mean over the batch (Gu et al., 2024, section 2.1)."""
    return like(student_BC, _kl(_log_probabilities(student_BC, 1.0), _log_probabilities(teacher_BC, 1.0)))


def jensen_shannon_loss(student_BC: Tensor, teacher_BC: Tensor, *, beta: float) -> Tensor:
    """beta * KL(teacher || M) + (1 - beta) * KL(student || M), M = beta * teacher + (1 - beta) * student.

    The generalized divergence of Agarwal et al. (2024, section 2). At both ends the formula vanishes:
    there `beta` 0 is KL(teacher || student), its limit over `beta`, and `beta` 1 KL(student || teacher),
    its limit over 1 - `beta`.
    """
    student_log_p_BC = _log_probabilities(student_BC, 1.0)
    teacher_log_p_BC = _log_probabilities(teacher_BC, 1.0)
    if beta == 0:
        return like(student_BC, _kl(teacher_log_p_BC, student_log_p_BC))
    if beta == 1:
        return like(student_BC, _kl(student_log_p_BC, teacher_log_p_BC))
    weights = student_log_p_BC.new_tensor([beta, 1 - beta]).log()
    mixture_log_p_BC = torch.logaddexp(teacher_log_p_BC + weights[0], student_log_p_BC + weights[1])
    return like(
        student_BC,
        beta * _kl(teacher_log_p_BC, mixture_log_p_BC) + (1 - beta) * _kl(student_log_p_BC, mixture_log_p_BC),
    )


def _log_probabilities(logits_BC: Tensor, temperature: float) -> Tensor:
    return F.log_softmax(logits_BC.double() / temperature, dim=-1)


def _kl(log_p_BC: Tensor, log_q_BC: Tensor) -> Tensor:
    """KL(p || q), mean over the batch."""
    return F.kl_div(log_q_BC, log_p_BC, reduction="batchmean", log_target=True)


def _split_by_target(logits_BC: Tensor, target_B: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities of (target, any other) and, among the others, of each."""
    scaled_BC = logits_BC.double() / temperature
    is_target_BC = F.one_hot(target_B, scaled_BC.shape[-1]).bool()
    target_B1 = scaled_BC[is_target_BC].unsqueeze(-1)
    rest_BR = scaled_BC[~is_target_BC].view(len(scaled_BC), -1)
    binary_B2 = torch.cat([target_B1, rest_BR.logsumexp(dim=-1, keepdim=True)], dim=-1)
    return F.log_softmax(binary_B2, dim=-1), F.log_softmax(rest_BR, dim=-1)


def _correlation(x_NM: Tensor, y_NM: Tensor) -> Tensor:
    """Pearson's correlation of each pair of rows; zero, without a gradient, where a row is constant."""
    x_NM = x_NM - x_NM.mean(dim=-1, keepdim=True)
    y_NM = y_NM - y_NM.mean(dim=-1, keepdim=True)
    norms_N = x_NM.norm(dim=-1) * y_NM.norm(dim=-1)
    varies_N = norms_N > torch.finfo(norms_N.dtype).eps
    return torch.where(varies_N, (x_NM * y_NM).sum(dim=-1) / (norms_N.where(varies_N, 1.0) + 1e-8), 0.0)


def _standardized(logits_BC: Tensor) -> Tensor:
    """Each row less its mean, over its deviation. A constant row becomes zeros with a tame gradient."""
    logits_BC = logits_BC.double()
    variance_B1 = logits_BC.var(dim=-1, keepdim=True)
    varies_B1 = variance_B1 > torch.finfo(torch.float64).eps
    deviation_B1 = variance_B1.where(varies_B1, 1.0).sqrt()
    return (logits_BC - logits_BC.mean(dim=-1, keepdim=True)) / (deviation_B1 + 1e-7)
