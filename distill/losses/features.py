"""Losses between what the layers of student and teacher see.

Shapes: B batch, C channels, H and W height and width.
"""

import torch.nn.functional as F
from torch import Tensor


def hint_loss(student_feature: Tensor, teacher_feature: Tensor) -> Tensor:
    """Mean squared error between two features of one shape (Romero et al., 2015, section 2.2).

    Raises:
        ValueError: the shapes differ; a projector has to make them equal first.
    """
    if student_feature.shape != teacher_feature.shape:
        raise ValueError(
            f"the student's feature has shape {tuple(student_feature.shape)}, the teacher's "
            f"{tuple(teacher_feature.shape)}: project one onto the other first"
        )
    return F.mse_loss(student_feature, teacher_feature)


def attention_transfer_loss(student_BCHW: Tensor, teacher_BCHW: Tensor) -> Tensor:
    """Mean squared difference of the normalized maps of squared activation.

    The larger map is pooled to the smaller. The mean is the form of the authors' code, to which
    the usual weight of 1000 belongs; the paper writes a norm (Zagoruyko and Komodakis, 2017,
    section 3.1).
    """
    height, width = min(student_BCHW.shape[-2:], teacher_BCHW.shape[-2:])
    difference = _attention(student_BCHW, (height, width)) - _attention(teacher_BCHW, (height, width))
    return difference.square().mean()


def _attention(feature_BCHW: Tensor, size: tuple[int, int]) -> Tensor:
    if feature_BCHW.shape[-2:] != size:
        feature_BCHW = F.adaptive_avg_pool2d(feature_BCHW, size)
    return F.normalize(feature_BCHW.square().mean(dim=1).flatten(start_dim=1))
