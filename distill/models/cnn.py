"""A plain convolutional network. Needs torch alone, so that this file can travel with a student."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

SMALLEST_MAP = 4
"""Feature maps are halved while both sides stay at least this long."""


class Block(nn.Module):
    """A 3x3 convolution, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, images: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(images)))


class Cnn(nn.Module):
    """Blocks, global average pooling, one linear layer: (B, C, H, W) -> (B, outputs)."""

    def __init__(self, blocks: list[Block], channels: int, num_outputs: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, num_outputs)

    def forward(self, images: Tensor) -> Tensor:
        features = images
        for block in self.blocks:
            features = block(features)
        logits: Tensor = self.classifier(self.dropout(features.mean((2, 3))))
        return logits


def build(config: dict[str, Any], input_shape: Sequence[int], num_outputs: int) -> nn.Module:
    """An untrained network for images of `input_shape` (channels, height, width).

    `depth - 1` convolutions in stages; each stage after the first halves the map and doubles the
    channels.
    """
    channels = input_shape[0]
    blocks = []
    for stage, convolutions in enumerate(stages_of(config, input_shape)):
        wider = config["width"] * 2**stage
        for position in range(convolutions):
            blocks.append(Block(channels, wider, stride=2 if stage > 0 and position == 0 else 1))
            channels = wider
    return Cnn(blocks, channels, num_outputs, config["dropout"])


def stages_of(config: dict[str, Any], input_shape: Sequence[int]) -> list[int]:
    """The convolutions of each stage: as many stages as the image can be halved for, about equal."""
    if config.get("stages") is not None:
        return list(config["stages"])
    convolutions, side = config["depth"] - 1, min(input_shape[1:])
    halvings = 0
    while side >= 2 * SMALLEST_MAP:
        side //= 2
        halvings += 1
    stages = min(halvings + 1, convolutions)
    stage_of_each = [position * stages // convolutions for position in range(convolutions)]
    return [stage_of_each.count(stage) for stage in range(stages)]
