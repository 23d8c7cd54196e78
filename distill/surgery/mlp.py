"""A smaller multi-layer perceptron: hidden layers, and of each the units with the largest weights."""

from itertools import pairwise
from typing import Any

from torch import Tensor

from distill.surgery.cuts import Original, Weights, most_important, norm_of_units, share


def blocks(of: Original) -> int:
    """The hidden layers."""
    return int(of.config["depth"]) - 1


def needed(of: Original) -> dict[int, str]:
    """Blocks that must stay, each with the reason."""
    return {0: "takes the inputs"}


def smaller(of: Original, kept: list[int], width: float) -> dict[str, Any]:
    """The configuration of what is left."""
    return of.config | {"depth": len(kept) + 1, "width": share(of.config["width"], width)}


def inherited(weights: Weights, of: Original, kept: list[int], width: float) -> Weights:
    """The weights of what is left, under its own names."""
    last = blocks(of)
    count = share(of.config["width"], width)
    units: Tensor | slice = slice(None)
    left: dict[str, Tensor] = {}
    for number, (block, following) in enumerate(pairwise([*kept, last])):
        incoming = weights[f"layers.{block}.weight"]
        importance = norm_of_units(incoming, weights[f"layers.{following}.weight"])
        important = most_important(importance, count)
        left[f"layers.{number}.weight"] = incoming[important][:, units]
        left[f"layers.{number}.bias"] = weights[f"layers.{block}.bias"][important]
        units = important
    left[f"layers.{len(kept)}.weight"] = weights[f"layers.{last}.weight"][:, units]
    left[f"layers.{len(kept)}.bias"] = weights[f"layers.{last}.bias"]
    return left
