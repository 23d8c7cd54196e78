"""Knowledge review: the student's stages, fused from the deepest up (Chen et al., 2021)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distill.layers.projectors import Shape

WIDEST = 512
"""Channels of the features that go from stage to stage, at most: the authors' choice."""


class FusedStages(nn.Module):
    """From the student's maps of all stages to maps of the teacher's shapes, each of which knows what
    the deeper stages know (section 3.2).

    `student` and `teacher` are the shapes (channels, height, width) of the stages, from the input on.
    """

    def __init__(self, student: Sequence[Shape], teacher: Sequence[Shape]) -> None:
        super().__init__()
        middle = min(WIDEST, student[-1][0])
        deepest = len(student) - 1
        self.stages = nn.ModuleList(
            Fusion(ours[0], middle, theirs, fuses=stage < deepest)
            for stage, (ours, theirs) in enumerate(zip(student, teacher, strict=True))
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Each feature (B, C, H, W) of the student, from the input on, to one of the teacher's shape."""
        reviewed: list[Tensor] = []
        deeper = None
        for stage, feature in zip(reversed(self.stages), reversed(features), strict=True):
            output, deeper = stage(feature, deeper)
            reviewed.append(output)
        return reviewed[::-1]


class Fusion(nn.Module):
    """Attention based fusion: one stage, and what comes up from the deeper ones.

    Two maps of attention, made of both, say where each of the two counts (section 3.3).
    """

    def __init__(self, channels: int, middle: int, teacher: Shape, *, fuses: bool) -> None:
        super().__init__()
        self.size = tuple(teacher[1:])
        self.narrow = _convolution(channels, middle, 1)
        self.attention = nn.Conv2d(2 * middle, 2, 1) if fuses else None
        self.widen = _convolution(middle, teacher[0], 3)

    def forward(self, feature: Tensor, deeper: Tensor | None) -> tuple[Tensor, Tensor]:
        """What is compared with the teacher's stage, and what goes up to the next."""
        fused = self.narrow(feature)
        if self.attention is not None:
            assert deeper is not None
            deeper = F.interpolate(deeper, fused.shape[2:])
            counts = self.attention(torch.cat([fused, deeper], dim=1)).sigmoid()
            fused = fused * counts[:, :1] + deeper * counts[:, 1:]
        if fused.shape[2:] != self.size:
            fused = F.interpolate(fused, self.size)
        return self.widen(fused), fused


def _convolution(channels_in: int, channels_out: int, side: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, side, padding=side // 2, bias=False)
    nn.init.kaiming_uniform_(convolution.weight, a=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out))
