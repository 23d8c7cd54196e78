"""Losses between what the layers of student and teacher see.

Shapes: B batch, C channels, H and W height and width.
"""

import torch.nn.functional as F
from torch import Tensor

from distill.losses.numerics import at_least_float32, unit

REVIEW_SIZES = (4, 2, 1)
"""To which height and width features are pooled when they are reviewed."""


def hint_loss(student_feature: Tensor, teacher_feature: Tensor) -> Tensor:
    """Mean squared error between two features of one shape (Romero et al., 2015, section 2.2).

    Raises:
        ValueError: the shapes differ; a projector has to make them equal first.
    """
    require_one_shape(student_feature, teacher_feature)
    return F.mse_loss(at_least_float32(student_feature), at_least_float32(teacher_feature))


def attention_transfer_loss(student_BCHW: Tensor, teacher_BCHW: Tensor) -> Tensor:
    """Mean squared difference of the normalized maps of squared activation.

    The larger map is pooled to the smaller. The mean is the form of the authors' code, to which
    the usual weight of 1000 belongs; the paper writes a norm (Zagoruyko and Komodakis, 2017,
    section 3.1).
    """
    height, width = min(student_BCHW.shape[-2:], teacher_BCHW.shape[-2:])
    difference = _attention(student_BCHW, (height, width)) - _attention(teacher_BCHW, (height, width))
    return difference.square().mean()


def review_loss(student_BCHW: Tensor, teacher_BCHW: Tensor) -> Tensor:
    """Mean squared error of two features as they are, and pooled to 4, 2 and 1 pixels a side.

    The hierarchical context loss: an average with weights 1, 1/2, 1/4, 1/8 over those sizes that are
    smaller than the feature (Chen et al., 2021, section 3.3, and the authors' code). For one stage;
    the loss of the paper is the sum over the stages, of the student's features once they are fused.

    Raises:
        ValueError: the shapes differ; the fusion has to make them equal first.
    """
    require_one_shape(student_BCHW, teacher_BCHW)
    student_BCHW, teacher_BCHW = at_least_float32(student_BCHW), at_least_float32(teacher_BCHW)
    weight, weights = 1.0, 1.0
    loss = F.mse_loss(student_BCHW, teacher_BCHW)
    for size in REVIEW_SIZES:
        if size < min(student_BCHW.shape[-2:]):
            weight /= 2
            weights += weight
            pooled = F.adaptive_avg_pool2d(student_BCHW - teacher_BCHW, size)
            loss = loss + weight * pooled.square().mean()
    return loss / weights


def require_one_shape(student: Tensor, teacher: Tensor) -> None:
    """Raises ValueError with both shapes where they differ."""
    if student.shape != teacher.shape:
        raise ValueError(
            f"the student's feature has shape {tuple(student.shape)}, the teacher's "
            f"{tuple(teacher.shape)}: project one onto the other first"
        )


def _attention(feature_BCHW: Tensor, size: tuple[int, int]) -> Tensor:
    feature_BCHW = at_least_float32(feature_BCHW)
    if feature_BCHW.shape[-2:] != size:
        feature_BCHW = F.adaptive_avg_pool2d(feature_BCHW, size)
    return unit(feature_BCHW.square().mean(dim=1).flatten(start_dim=1))
