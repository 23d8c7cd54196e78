"""Losses between the relations that the examples of a batch have to each other.

Shapes: B batch, D and E features. Student and teacher may differ in the number of features.
A batch of one has no relations: these losses are zero there.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def relational_loss(
    student_BD: Tensor, teacher_BE: Tensor, *, distance_weight: float, angle_weight: float
) -> Tensor:
    """Smooth L1 between the distances of all pairs and between the angles of all triplets.

    Distances are over their mean, that of the positive ones (Park et al., 2019, section 3.2). Two
    equal examples have no direction from one to the other, and give no gradient.
    """
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
    student_BB = F.normalize(student_BD @ student_BD.T)
    teacher_BB = F.normalize(teacher_BE @ teacher_BE.T)
    return (teacher_BB - student_BB).square().mean()


def probabilistic_transfer_loss(student_BD: Tensor, teacher_BE: Tensor) -> Tensor:
    """KL between the conditional probabilities that cosine similarities give, mean over B^2
    (Passalis and Tefas, 2018, section 3.1)."""
    epsilon = 1e-7
    student_BB, teacher_BB = _affinities(student_BD, epsilon), _affinities(teacher_BE, epsilon)
    return (teacher_BB * ((teacher_BB + epsilon) / (student_BB + epsilon)).log()).mean()


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
    unit_BD = embedding_BD / (embedding_BD.norm(dim=-1, keepdim=True) + epsilon)
    similarity_BB = (unit_BD @ unit_BD.T + 1) / 2
    probability_BB: Tensor = similarity_BB / similarity_BB.sum(dim=-1, keepdim=True)
    return probability_BB
