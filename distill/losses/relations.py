"""Losses between the relations that the examples of a batch have to each other.

Shapes: B batch, D and E features. Student and teacher may differ in the number of features.
A batch of one has no relations: these losses are zero there.
"""

from math import exp, factorial

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.losses.numerics import at_least_float32, unit

TAYLOR_ORDER = 2


def relational_loss(
    student_BD: Tensor, teacher_BE: Tensor, *, distance_weight: float, angle_weight: float
) -> Tensor:
    """Smooth L1 between the distances of all pairs and between the angles of all triplets.

    Distances are over their mean, that of the positive ones (Park et al., 2019, section 3.2). Two
    equal examples have no direction from one to the other, and give no gradient.
    """
    student_BD, teacher_BE = at_least_float32(student_BD), at_least_float32(teacher_BE)
    if len(student_BD) < 2:
        return student_BD.sum() * 0
    with torch.no_grad():
        teacher_distances_BB, teacher_angles = _distances(teacher_BE), _angles(teacher_BE)
    distance = F.smooth_l1_loss(_distances(student_BD), teacher_distances_BB)
    angle = F.smooth_l1_loss(_angles(student_BD), teacher_angles)
    return distance_weight * distance + angle_weight * angle


def similarity_loss(student_BD: Tensor, teacher_BE: Tensor) -> Tensor:
    """Squared difference of the normalized rows of the two Gram matrices, over B^2
    (Tung and Mori, 2019, section 3.1)."""
    return (unit(_gram(teacher_BE)) - unit(_gram(student_BD))).square().mean()


def probabilistic_transfer_loss(student_BD: Tensor, teacher_BE: Tensor) -> Tensor:
    """KL between the conditional probabilities that cosine similarities give, mean over B^2
    (Passalis and Tefas, 2018, section 3)."""
    epsilon = 1e-7
    student_BD, teacher_BE = at_least_float32(student_BD), at_least_float32(teacher_BE)
    student_BB, teacher_BB = _affinities(student_BD, epsilon), _affinities(teacher_BE, epsilon)
    return (teacher_BB * ((teacher_BB + epsilon) / (student_BB + epsilon)).log()).mean()


def correlation_loss(student_BD: Tensor, teacher_BE: Tensor, *, gamma: float) -> Tensor:
    """Squared difference of the two kernel matrices between the examples, over B^2.

    The kernel is exp(-gamma * |x - y|^2) of embeddings of length 1, by its Taylor series to the second
    order: the sum over p = 0, 1, 2 of exp(-2 gamma) * (2 gamma)^p / p! * (x . y)^p (Peng et al., 2019,
    section 3).
    """
    return (_kernel(teacher_BE, gamma) - _kernel(student_BD, gamma)).square().mean()


def _gram(embedding_BD: Tensor) -> Tensor:
    embedding_BD = at_least_float32(embedding_BD)
    return embedding_BD @ embedding_BD.T


def _kernel(embedding_BD: Tensor, gamma: float) -> Tensor:
    cosine_BB = _gram(unit(at_least_float32(embedding_BD)))
    return sum(
        (exp(-2 * gamma) * (2 * gamma) ** p / factorial(p) * cosine_BB**p for p in range(TAYLOR_ORDER + 1)),
        start=torch.zeros_like(cosine_BB),
    )


def _distances(embedding_BD: Tensor) -> Tensor:
    """Distances of all pairs, over the mean of the positive ones."""
    squares_BB = (embedding_BD.unsqueeze(0) - embedding_BD.unsqueeze(1)).square().sum(dim=-1)
    apart_BB = squares_BB > 0
    distances_BB = torch.where(apart_BB, squares_BB.where(apart_BB, 1.0).clamp(min=1e-12).sqrt(), 0.0)
    return distances_BB / (distances_BB.sum() / apart_BB.sum().clamp(min=1)).clamp(min=1e-12)


def _angles(embedding_BD: Tensor) -> Tensor:
    """Cosines of the angles at i between j and k, for all i, j, k: shape (B, B, B)."""
    difference_BBD = embedding_BD.unsqueeze(0) - embedding_BD.unsqueeze(1)
    apart_BB1 = difference_BBD.square().sum(dim=-1, keepdim=True) > 0
    direction_BBD = torch.where(apart_BB1, F.normalize(difference_BBD.where(apart_BB1, 1.0), dim=-1), 0.0)
    return direction_BBD @ direction_BBD.transpose(1, 2)


def _affinities(embedding_BD: Tensor, epsilon: float) -> Tensor:
    length_B1 = embedding_BD.norm(dim=-1, keepdim=True)
    unit_BD = torch.where(length_B1 > epsilon, embedding_BD / (length_B1 + epsilon), 0.0)
    similarity_BB = (_gram(unit_BD) + 1) / 2
    probability_BB: Tensor = similarity_BB / similarity_BB.sum(dim=-1, keepdim=True)
    return probability_BB
