"""One forward of an example batch, to learn what every module of a network takes and gives."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distill.preprocess import Inputs


@dataclass(frozen=True)
class Call:
    """One module at work. Its name is its path in the network; that of the whole network is empty."""

    name: str
    kind: str
    took: Tensor | None
    gave: Tensor | None


def dry_forward(module: nn.Module, batch: Inputs) -> list[Call]:
    """Every call of a module, in the order in which they ended.

    In eval mode and without gradients, so that nothing of the network changes; afterwards it is in the
    mode in which it was.
    """
    calls: list[Call] = []

    def listen(name: str) -> Callable[[nn.Module, Any, Any, Any], None]:
        def record(part: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            taken = tensor_of((*args, *kwargs.values()))
            calls.append(Call(name, type(part).__name__, taken, tensor_of(output)))

        return record

    handles = [
        part.register_forward_hook(listen(name), with_kwargs=True) for name, part in module.named_modules()
    ]
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            module(batch)
    finally:
        module.train(was_training)
        for handle in handles:
            handle.remove()
    return calls


def tensor_of(given: Any) -> Tensor | None:
    """The tensor that a module takes or gives; of several, the first.

    Transformers wrap theirs in tuples and in mappings (`ModelOutput`).
    """
    if isinstance(given, Tensor):
        return given
    parts: Iterable[Any] = given.values() if isinstance(given, dict) else given
    if isinstance(given, dict | tuple | list):
        return next((part for part in parts if isinstance(part, Tensor)), None)
    return None
