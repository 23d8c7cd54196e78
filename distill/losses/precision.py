"""In which precision the losses count: a half-precision answer is widened first."""

import torch
from torch import Tensor


def at_least_float32(given: Tensor) -> Tensor:
    """As it is, or float32 where it has fewer digits: squares and products of float16 overflow."""
    return given.float() if given.dtype in (torch.float16, torch.bfloat16) else given


def like(given: Tensor, loss: Tensor) -> Tensor:
    """A loss that was counted in float64, in the precision of what it was counted from, at least float32."""
    return loss.to(at_least_float32(given[:0]).dtype)


def unit(given: Tensor) -> Tensor:
    """Vectors along the last dimension over their length. One of no length, or one so short that its
    direction is noise, becomes zeros without a gradient, where a division would give a gradient of 1e12."""
    squares = given.square().sum(dim=-1, keepdim=True)
    has_length = squares > torch.finfo(given.dtype).tiny
    return torch.where(has_length, given / squares.where(has_length, 1.0).sqrt(), 0.0)
