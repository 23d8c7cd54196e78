"""Listen to the layers of a network while it answers."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from distill.config.layer_names import INPUT
from distill.config.losses import OUTPUTS
from distill.models.dry_forward import tensor_of


class Taps:
    """Keeps what the named layers gave in the last forward of `module`, or took, for `name:input`.

    A layer that is called several times in a forward shows its last call. What is kept is a copy, for
    two reasons: a layer that follows may change its input in place, and autograd takes no tensor of
    inference mode. Gradients go through the copy to the layer.
    """

    def __init__(self, module: nn.Module, names: Iterable[str]) -> None:
        self._kept: dict[str, Tensor] = {}
        self._handles = [self._listen(module, name) for name in dict.fromkeys(names)]

    def take(self) -> dict[str, Tensor]:
        """What the last forward showed, by name, each (B, ...); nothing of it is kept any longer."""
        taken, self._kept = self._kept, {}
        return taken

    def close(self) -> None:
        """Leave the network as it was before."""
        for handle in self._handles:
            handle.remove()
        self._kept = {}

    def _listen(self, module: nn.Module, name: str) -> torch.utils.hooks.RemovableHandle:
        if name == OUTPUTS:
            return module.register_forward_hook(partial(self._keep_output, name))
        part = module.get_submodule(name.removesuffix(INPUT))
        if name.endswith(INPUT):
            return part.register_forward_pre_hook(partial(self._keep_input, name), with_kwargs=True)
        return part.register_forward_hook(partial(self._keep_output, name))

    def _keep_output(self, name: str, _part: nn.Module, _args: Any, output: Any) -> None:
        self._keep(name, tensor_of(output))

    def _keep_input(self, name: str, _part: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        self._keep(name, tensor_of((*args, *kwargs.values())))

    def _keep(self, name: str, tensor: Tensor | None) -> None:
        if tensor is not None:
            with torch.inference_mode(False):
                self._kept[name] = tensor.clone()
