"""A multi-layer perceptron. Needs torch alone, so that this file can travel with a student."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn


class Mlp(nn.Module):
    """`depth` weight layers with ReLU between them, on flattened inputs (B, ...) -> (B, outputs)."""

    def __init__(self, sizes: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(wide, narrow) for wide, narrow in pairwise(sizes))
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = inputs.flatten(1)
        *inner, last = self.layers
        for layer in inner:
            hidden = self.dropout(torch.relu(layer(hidden)))
        logits: Tensor = last(hidden)
        return logits


def build(config: dict[str, Any], input_shape: Sequence[int], num_outputs: int) -> nn.Module:
    """An untrained network for inputs of `input_shape`, without the batch dimension."""
    hidden = [config["width"]] * (config["depth"] - 1)
    return Mlp([math.prod(input_shape), *hidden, num_outputs], config["dropout"])
