"""A smaller convolutional network: convolutions, and of each the channels that count most.

A channel counts as much as the absolute scale of its batch norm (Liu et al., 2017, Learning efficient
convolutional networks through network slimming, section 3).
"""

from itertools import accumulate
from typing import Any

from torch import Tensor

from distill.models.cnn import stages_of
from distill.surgery.cuts import Original, Weights, batch_norm_of, most_important, share


def blocks(of: Original) -> int:
    """The convolutions."""
    return int(of.config["depth"]) - 1


def needed(of: Original) -> dict[int, str]:
    """Blocks that must stay, each with the reason."""
    edges = accumulate(stages_of(of.config, of.shape), initial=0)
    return dict.fromkeys([*edges][:-1], "begins its stage")


def smaller(of: Original, kept: list[int], width: float) -> dict[str, Any]:
    """The configuration of what is left."""
    left = [0] * len(stages_of(of.config, of.shape))
    for block in kept:
        left[_stage(of, block)] += 1
    channels = share(of.config["width"], width)
    return of.config | {"depth": len(kept) + 1, "width": channels, "stages": left}


def inherited(weights: Weights, of: Original, kept: list[int], width: float) -> Weights:
    """The weights of what is left, under its own names."""
    channels = share(of.config["width"], width)
    taken: Tensor | slice = slice(None)
    left: dict[str, Tensor] = {}
    for number, block in enumerate(kept):
        source, place = f"blocks.{block}", f"blocks.{number}"
        scale = weights[f"{source}.norm.weight"].abs()
        given = most_important(scale, channels * 2 ** _stage(of, block))
        left[f"{place}.conv.weight"] = weights[f"{source}.conv.weight"][given][:, taken]
        left |= batch_norm_of(weights, f"{source}.norm", given, named=f"{place}.norm")
        taken = given
    left["classifier.weight"] = weights["classifier.weight"][:, taken]
    left["classifier.bias"] = weights["classifier.bias"]
    return left


def _stage(of: Original, block: int) -> int:
    for stage, count in enumerate(stages_of(of.config, of.shape)):
        if block < count:
            return stage
        block -= count
    raise IndexError(block)
