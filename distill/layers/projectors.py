"""What brings the student's features to the shape of the teacher's. Learns with the student, then goes."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Made = TypeVar("Made", bound=nn.Module)
Shape = Sequence[int]
"""Of a feature, without its batch dimension."""


def projector(student: Shape, teacher: Shape) -> nn.Module:
    """From features of one shape to as many features, or channels, as the other has.

    Nothing where these agree. A linear layer for vectors and for the states of tokens (Jiao et al.,
    2020, section 3.1). For feature maps a 1x1 convolution with batch norm: where the sizes of the maps
    differ, `same_size` has pooled the larger one before, instead of a convolution whose stride or kernel
    follows from the sizes (Romero et al., 2015, section 2.2, and RepDistiller's ConvReg); and no ReLU
    comes after it, since not all layers of a teacher end in one.
    """
    channels = 0 if len(student) == 3 else -1
    ours, theirs = student[channels], teacher[channels]
    if ours == theirs:
        return nn.Identity()
    if len(student) == 3:
        return nn.Sequential(nn.Conv2d(ours, theirs, 1, bias=False), nn.BatchNorm2d(theirs))
    return nn.Linear(ours, theirs)


def same_size(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Two feature maps (B, C, H, W), the larger one averaged down to the smaller; other features as they
    are."""
    if student.dim() != 4 or student.shape[2:] == teacher.shape[2:]:
        return student, teacher
    height = min(student.shape[2], teacher.shape[2])
    width = min(student.shape[3], teacher.shape[3])
    return F.adaptive_avg_pool2d(student, (height, width)), F.adaptive_avg_pool2d(teacher, (height, width))


def projectors(shapes: Sequence[tuple[Shape, Shape]]) -> nn.ModuleList:
    """One for each pair of the student's and the teacher's shape."""
    return nn.ModuleList(projector(student, teacher) for student, teacher in shapes)


def seeded(seed: int, make: Callable[[], Made]) -> Made:
    """What `make` makes on the CPU; its first weights follow from `seed` alone.

    The random stream from which the student draws stays where it is, so that it stays its control's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return make()
