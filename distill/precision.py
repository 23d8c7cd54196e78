"""In which precision networks run, and what float16 needs so that no gradient is lost in it."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from distill.config.training import Training

FIRST_SCALE = 2.0**16
LEAST_SCALE = 1.0
GROWS_AFTER = 2000
"""Updates in a row without an overflow after which the scale is doubled."""

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def reduced_precision(training: Training, device: torch.device) -> AbstractContextManager[Any]:
    """Matrix products in the precision that the job asks for; `auto` is bfloat16 on a GPU that has it,
    and float32 everywhere else."""
    dtype = _DTYPES.get(training.precision)
    if training.precision == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported():
        dtype = torch.bfloat16
    return torch.autocast(device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None)


class LossScale:
    """The factor that lifts gradients into the range of float16 (Micikevicius et al., 2018, section 3.2).

    It is halved when a gradient overflows, and that update is left out; it is doubled after
    `GROWS_AFTER` updates that went well. In every other precision it is 1 and costs nothing.
    """

    def __init__(self, training: Training) -> None:
        self._moves = training.precision == "fp16"
        self.factor = FIRST_SCALE if self._moves else 1.0
        self._went_well = 0

    def lifted(self, loss: Tensor) -> Tensor:
        """The loss whose gradients fit."""
        return loss * self.factor if self._moves else loss

    def bring_down(self, gradients: Iterable[Tensor]) -> bool:
        """Take the factor out of `gradients`, in place; whether all are finite, so that they may be used."""
        if not self._moves:
            return True
        overflow = torch.zeros(())
        for gradient in gradients:
            gradient.mul_(1 / self.factor)
            overflow = overflow.to(gradient.device) + (~torch.isfinite(gradient)).sum()
        fits = not bool(overflow)
        self._went_well = self._went_well + 1 if fits else 0
        if not fits:
            self.factor = max(LEAST_SCALE, self.factor / 2)
        elif self._went_well == GROWS_AFTER:
            self.factor, self._went_well = self.factor * 2, 0
        return fits

    def state(self) -> dict[str, float]:
        """Everything that `restore` needs, ready for JSON."""
        return {"factor": self.factor, "went_well": self._went_well}

    def restore(self, state: Mapping[str, float]) -> None:
        """Stand again where `state` was taken."""
        self.factor, self._went_well = state["factor"], int(state["went_well"])
