"""Residual networks with torchvision's parameter names (He et al., 2016, Deep Residual Learning).

Needs torch alone, so that this file can travel with a student.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels_in, width * self.expansion, stride)

    def forward(self, images: Tensor) -> Tensor:
        shortcut = images if self.downsample is None else self.downsample(images)
        features = self.relu(self.bn1(self.conv1(images)))
        features = self.bn2(self.conv2(features))
        activated: Tensor = self.relu(features + shortcut)
        return activated


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 beside a shortcut; the stride is in the 3x3, as in torchvision."""

    expansion = 4

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels_in, width * self.expansion, stride)

    def forward(self, images: Tensor) -> Tensor:
        shortcut = images if self.downsample is None else self.downsample(images)
        features = self.relu(self.bn1(self.conv1(images)))
        features = self.relu(self.bn2(self.conv2(features)))
        features = self.bn3(self.conv3(features))
        activated: Tensor = self.relu(features + shortcut)
        return activated


BLOCKS: dict[str, type[BasicBlock] | type[Bottleneck]] = {"basic": BasicBlock, "bottleneck": Bottleneck}


class Resnet(nn.Module):
    """(B, C, H, W) -> (B, outputs). The `cifar` stem keeps the size of small images."""

    def __init__(self, config: dict[str, Any], channels_in: int, num_outputs: int) -> None:
        super().__init__()
        width = config["width"]
        if config["stem"] == "imagenet":
            self.conv1 = nn.Conv2d(channels_in, width, 7, 2, padding=3, bias=False)
            self.maxpool: nn.Module = nn.MaxPool2d(3, 2, padding=1)
        else:
            self.conv1 = nn.Conv2d(channels_in, width, 3, 1, padding=1, bias=False)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

        block = BLOCKS[config["block"]]
        self.stages = len(config["layers"])
        channels = width
        for stage, blocks in enumerate(config["layers"]):
            wider = width * 2**stage
            layer = nn.Sequential()
            for position in range(blocks):
                layer.append(block(channels, wider, stride=2 if stage > 0 and position == 0 else 1))
                channels = wider * block.expansion
            self.add_module(f"layer{stage + 1}", layer)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_outputs)
        _initialize(self)

    def forward(self, images: Tensor) -> Tensor:
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for stage in range(self.stages):
            features = self.get_submodule(f"layer{stage + 1}")(features)
        logits: Tensor = self.fc(self.avgpool(features).flatten(1))
        return logits


def build(config: dict[str, Any], input_shape: Sequence[int], num_outputs: int) -> nn.Module:
    """An untrained network for images of `input_shape` (channels, height, width)."""
    return Resnet(config, input_shape[0], num_outputs)


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module | None:
    """A projection where the shape changes, else None: the identity has no parameters."""
    if stride == 1 and channels_in == channels_out:
        return None
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out)
    )


def _initialize(network: nn.Module) -> None:
    """He initialization for ReLU (He et al., 2015), as torchvision does it."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
