"""SGD and AdamW: torch's own fused updates, on a state that is plain tensors.

`torch.optim.Optimizer` loads torch's compiler with its first step, which takes seconds, and these
would come before the first update of every job. Its functional form does the same update without.
"""

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from distill.config.training import AdamW, Sgd

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Optimizer:
    """The update rule of a job document over the parameters of one network.

    `slots` are what it remembers, by name: one tensor for each parameter, on that parameter's device.
    """

    def __init__(self, module: nn.Module, section: AdamW | Sgd) -> None:
        self._section = section
        self._parameters: list[Tensor] = list(module.parameters())
        self.slots: dict[str, list[Tensor]] = {}
        if isinstance(section, AdamW):
            self.slots["mean"] = self._zeros()
            self.slots["mean_square"] = self._zeros()
            self.slots["step"] = [torch.zeros((), device=weight.device) for weight in self._parameters]
        elif section.momentum > 0:
            self.slots["momentum"] = self._zeros()

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Change every parameter that has a gradient."""
        section = self._section
        moved = [at for at, weight in enumerate(self._parameters) if weight.grad is not None]
        weights = [self._parameters[at] for at in moved]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        slots = {name: [tensors[at] for at in moved] for name, tensors in self.slots.items()}
        if isinstance(section, AdamW):
            adamw(
                weights,
                gradients,
                slots["mean"],
                slots["mean_square"],
                [],
                slots["step"],
                fused=True,
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=learning_rate,
                weight_decay=section.weight_decay,
                eps=EPSILON,
                maximize=False,
            )
        else:
            sgd(
                weights,
                gradients,
                list(slots.get("momentum", [])),
                fused=True,
                weight_decay=section.weight_decay,
                momentum=section.momentum,
                lr=learning_rate,
                dampening=0,
                nesterov=section.nesterov,
                maximize=False,
            )

    def state(self) -> dict[str, Tensor]:
        """Everything that `restore` needs, by name."""
        return {
            f"{name}/{at}": tensor
            for name, tensors in self.slots.items()
            for at, tensor in enumerate(tensors)
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Remember what `state` says."""
        for name, tensors in self.slots.items():
            for at, tensor in enumerate(tensors):
                tensor.copy_(state[f"{name}/{at}"])

    def _zeros(self) -> list[Tensor]:
        return [torch.zeros_like(weight) for weight in self._parameters]
