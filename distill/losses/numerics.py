"""What the losses count with: numbers wide enough, and directions that are always finite."""

import torch
from torch import Tensor

SHORTEST = 1e-12


def at_least_float32(given: Tensor) -> Tensor:
    """As it is, or float32 where it has fewer digits: squares and products of float16 overflow."""
    return given.float() if given.dtype in (torch.float16, torch.bfloat16) else given


def like(given: Tensor, loss: Tensor) -> Tensor:
    """A loss that was counted in float64, in the precision of what it was counted from, at least float32."""
    return loss.to(at_least_float32(given[:0]).dtype)


def unit(given: Tensor) -> Tensor:
    """Vectors along the last dimension over their length.

    One that is no longer than `SHORTEST` has no direction: it becomes zeros without a gradient, where
    `F.normalize` has a gradient of the inverse of that.
    """
    squares = given.square().sum(dim=-1, keepdim=True)
    has_length = squares > SHORTEST**2
    return torch.where(has_length, given / squares.where(has_length, 1.0).sqrt(), 0.0)
