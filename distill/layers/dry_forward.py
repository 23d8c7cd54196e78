"""One forward of an example batch, to learn what every module of a network takes and gives."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from distill.preprocess import Inputs


@dataclass(frozen=True)
class Glimpse:
    """A tensor that a module took or gave: what can be known of it without its numbers."""

    shape: tuple[int, ...]
    is_real: bool
    """Whether it holds real numbers, not the ids of tokens or positions."""
    learns: bool
    """Whether it depends on parameters of the network."""


@dataclass(frozen=True)
class Call:
    """One module at work. Its name is its path in the network; that of the whole network is empty."""

    name: str
    kind: str
    took: Glimpse | None
    gave: Glimpse | None


def dry_forward(module: nn.Module, batch: Inputs) -> list[Call]:
    """Every call of a module, in the order in which they end. Nothing of the network changes.

    Where `batch` is on the meta device, the parameters stand aside for shapes on it, so that this costs
    neither time nor memory on whichever device the network is.
    """
    calls: list[Call] = []

    def listen(name: str) -> Callable[[nn.Module, Any, Any, Any], None]:
        def record(part: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            took, gave = tensor_of((*args, *kwargs.values())), tensor_of(output)
            calls.append(Call(name, type(part).__name__, _glimpse(took), _glimpse(gave)))

        return record

    handles = [
        part.register_forward_hook(listen(name), with_kwargs=True) for name, part in module.named_modules()
    ]
    was_training = module.training
    module.eval()
    try:
        with torch.enable_grad():
            if is_meta(batch):
                functional_call(module, _shapes_alone(module), (batch,))
            else:
                module(batch)
    finally:
        module.train(was_training)
        for handle in handles:
            handle.remove()
    return calls


def is_meta(batch: Inputs) -> bool:
    """Whether a batch is of shapes alone."""
    tensor = tensor_of(batch)
    return tensor is not None and tensor.is_meta


def tensor_of(given: Any) -> Tensor | None:
    """The tensor that a module takes or gives; of several, the first.

    Transformers wrap theirs in tuples and in mappings (`ModelOutput`).
    """
    if isinstance(given, Tensor):
        return given
    if not isinstance(given, dict | tuple | list):
        return None
    parts: Iterable[Any] = given.values() if isinstance(given, dict) else given
    return next((part for part in parts if isinstance(part, Tensor)), None)


def _shapes_alone(module: nn.Module) -> dict[str, Tensor]:
    parameters = {
        name: torch.empty_like(parameter, device="meta", requires_grad=True)
        for name, parameter in module.named_parameters()
    }
    return parameters | {name: buffer.to("meta") for name, buffer in module.named_buffers()}


def _glimpse(tensor: Tensor | None) -> Glimpse | None:
    if tensor is None:
        return None
    return Glimpse(tuple(tensor.shape), tensor.is_floating_point(), tensor.requires_grad)
