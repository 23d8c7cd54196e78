"""Losses between outputs that are no classes: embeddings, numbers, and sets of labels.

Shapes: N rows, K outputs. Labels of sets are int8 (N, K), -1 where unlabeled; of numbers float32
(N, K), NaN where unlabeled.
"""

import torch.nn.functional as F
from torch import Tensor

from distill.losses.labels import is_labeled
from distill.losses.numerics import at_least_float32, like, unit


def mse_logits_loss(student_NK: Tensor, teacher_NK: Tensor) -> Tensor:
    """Mean squared difference of the outputs, over rows and outputs (Ba and Caruana, 2014, section 2.2).

    The limit of soft targets as the temperature rises, where the logits of each row have a mean of zero
    (Hinton et al., 2015, section 2.1).
    """
    return F.mse_loss(at_least_float32(student_NK), at_least_float32(teacher_NK))


def cosine_loss(student_NK: Tensor, teacher_NK: Tensor) -> Tensor:
    """1 - cosine of each row's two embeddings, mean over the rows (Sanh et al., 2019, section 2).

    A row of zeros has no direction: its cosine is 0, without a gradient.
    """
    cosine_N = (unit(at_least_float32(student_NK)) * unit(at_least_float32(teacher_NK))).sum(dim=-1)
    return (1 - cosine_N).mean()


def binary_target_loss(student_NK: Tensor, labels_NK: Tensor) -> Tensor:
    """Binary cross-entropy of each label of a set, mean over labeled rows and labels.

    The logistic loss of independent labels. Zero, with a zero gradient, where no row is labeled.
    """
    student_NK = at_least_float32(student_NK)
    labeled_N = is_labeled(labels_NK)
    targets_NK = labels_NK.clamp(min=0).to(student_NK.dtype)
    entropy_NK = F.binary_cross_entropy_with_logits(student_NK, targets_NK, reduction="none")
    return _mean_of_labeled(entropy_NK, labeled_N)


def binary_soft_target_loss(student_NK: Tensor, teacher_NK: Tensor, *, temperature: float) -> Tensor:
    """T^2 * KL(teacher || student) between the two softened Bernoulli distributions of each label.

    Mean over rows and labels: soft targets (Hinton et al., 2015, section 2) of labels that do not
    exclude each other, each with a sigmoid of its own. Counted in float64, like those of classes.
    """
    student, teacher = student_NK.double() / temperature, teacher_NK.double() / temperature
    present = teacher.sigmoid() * (F.logsigmoid(teacher) - F.logsigmoid(student))
    absent = (-teacher).sigmoid() * (F.logsigmoid(-teacher) - F.logsigmoid(-student))
    return like(student_NK, (present + absent).mean() * temperature**2)


def squared_error_loss(student_NK: Tensor, labels_NK: Tensor) -> Tensor:
    """Squared error of numbers, mean over labeled rows and outputs.

    Zero, with a zero gradient, where no row is labeled.
    """
    student_NK = at_least_float32(student_NK)
    labeled_N = is_labeled(labels_NK)
    known_NK = labels_NK.to(student_NK.dtype).where(labeled_N.unsqueeze(-1), 0.0)
    return _mean_of_labeled((student_NK - known_NK).square(), labeled_N)


def _mean_of_labeled(loss_NK: Tensor, labeled_N: Tensor) -> Tensor:
    known_NK = loss_NK.where(labeled_N.unsqueeze(-1), 0.0)
    return known_NK.mean(dim=-1).sum() / labeled_N.sum().clamp(min=1)
