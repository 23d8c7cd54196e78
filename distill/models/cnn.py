"""A plain convolutional network. Needs torch alone, so that this file can travel with a student."""

from collections.abc import Iterator, Sequence
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

    `depth - 1` convolutions in equal stages; each stage after the first halves the map and doubles
    the channels.
    """
    channels, *sides = input_shape
    width = config["width"]
    blocks = []
    for stage, opens in _stages(config["depth"] - 1, min(sides)):
        wider = width * 2**stage
        blocks.append(Block(channels, wider, stride=2 if opens and stage > 0 else 1))
        channels = wider
    return Cnn(blocks, channels, num_outputs, config["dropout"])


def _stages(convolutions: int, side: int) -> Iterator[tuple[int, bool]]:
    """The stage of each convolution, and whether it opens that stage."""
    halvings = 0
    while side >= 2 * SMALLEST_MAP:
        side //= 2
        halvings += 1
    stages = min(halvings + 1, convolutions)
    previous = -1
    for position in range(convolutions):
        stage = position * stages // convolutions
        yield stage, stage != previous
        previous = stage
