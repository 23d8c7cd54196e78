"""A smaller residual network: blocks, and of each the channels that count most.

A channel counts as much as the absolute scale of its batch norm (Liu et al., 2017, section 3). All
blocks of a stage add to one stream of channels, so that these are chosen together: each by the sum
of the scales of everything that adds to it.
"""

from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from distill.surgery.cuts import Original, Weights, batch_norm_of, most_important, share

_LAST = {"basic": 2, "bottleneck": 3}
"""The convolution of a block that adds to the stream."""
_EXPANSION = {"basic": 1, "bottleneck": 4}


def blocks(of: Original) -> int:
    """The residual blocks of all stages, numbered through."""
    return sum(of.config["layers"])


def needed(of: Original) -> dict[int, str]:
    """Blocks that must stay, each with the reason."""
    edges = accumulate(of.config["layers"], initial=0)
    return dict.fromkeys([*edges][:-1], "begins its stage")


def smaller(of: Original, kept: list[int], width: float) -> dict[str, Any]:
    """The configuration of what is left."""
    left = [len(places) for places in _kept_of_stages(of, kept)]
    return of.config | {"layers": left, "width": share(of.config["width"], width)}


def inherited(weights: Weights, of: Original, kept: list[int], width: float) -> Weights:
    """The weights of what is left, under its own names."""
    stages = _kept_of_stages(of, kept)
    channels = share(of.config["width"], width)
    kind = of.config["block"]
    adds = _LAST[kind]

    stem_feeds = ["bn1", *(f"layer1.{place}.bn{adds}" for place in stages[0])] if kind == "basic" else ["bn1"]
    stream = most_important(_scales(weights, stem_feeds), channels)
    left = {"conv1.weight": weights["conv1.weight"][stream]}
    left |= batch_norm_of(weights, "bn1", stream, named="bn1")
    for stage, places in enumerate(stages, start=1):
        inner = channels * 2 ** (stage - 1)
        names = [f"layer{stage}.{place}" for place in places]
        feeds = [f"{name}.bn{adds}" for name in names]
        if f"{names[0]}.downsample.1.weight" in weights:
            feeds.append(f"{names[0]}.downsample.1")
            given = most_important(_scales(weights, feeds), inner * _EXPANSION[kind])
        else:
            given = stream
        for number, name in enumerate(names):
            left |= _block(weights, name, f"layer{stage}.{number}", stream, given, inner)
            stream = given
    left["fc.weight"] = weights["fc.weight"][:, stream]
    left["fc.bias"] = weights["fc.bias"]
    return left


def _block(
    weights: Weights, name: str, place: str, stream: Tensor, given: Tensor, inner: int
) -> dict[str, Tensor]:
    """One block: its convolutions in a row, and what stands in their shortcut."""
    left: dict[str, Tensor] = {}
    convolutions = [number for number in (1, 2, 3) if f"{name}.conv{number}.weight" in weights]
    taken = stream
    for number in convolutions:
        scale = weights[f"{name}.bn{number}.weight"].abs()
        gives = given if number == convolutions[-1] else most_important(scale, inner)
        left[f"{place}.conv{number}.weight"] = weights[f"{name}.conv{number}.weight"][gives][:, taken]
        left |= batch_norm_of(weights, f"{name}.bn{number}", gives, named=f"{place}.bn{number}")
        taken = gives
    if f"{name}.downsample.0.weight" in weights:
        shortcut = weights[f"{name}.downsample.0.weight"]
        left[f"{place}.downsample.0.weight"] = shortcut[given][:, stream]
        left |= batch_norm_of(weights, f"{name}.downsample.1", given, named=f"{place}.downsample.1")
    return left


def _scales(weights: Weights, norms: list[str]) -> Tensor:
    return torch.stack([weights[f"{norm}.weight"].abs() for norm in norms]).sum(dim=0)


def _kept_of_stages(of: Original, kept: list[int]) -> list[list[int]]:
    """Of each stage, which of its blocks stay, by their number in it."""
    places, first = [], 0
    for count in of.config["layers"]:
        places.append([block - first for block in kept if first <= block < first + count])
        first += count
    return places
