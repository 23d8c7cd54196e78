"""Numbers in the units of their labels, from a network that was trained on standardized ones."""

from typing import Any

from torch import Tensor, nn

from distill.config.networks import Scale


class InUnits:
    """A forward hook: `outputs * std + mean`, (B, outputs).

    A hook leaves the network's class, its parameters and its layers their names.
    """

    def __init__(self, scale: Scale) -> None:
        self.scale = scale

    def __call__(self, module: nn.Module, inputs: Any, outputs: Tensor) -> Tensor:
        return outputs * outputs.new_tensor(self.scale.std) + outputs.new_tensor(self.scale.mean)
