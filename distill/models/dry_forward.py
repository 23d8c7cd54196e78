"""One forward of an example batch, to learn what every module of a network takes and gives."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from distill.preprocess import Inputs


@dataclass(frozen=True)
class Glimpse:
    """A tensor that a module took or gave: what can be known of it without its numbers."""

    shape: tuple[int, ...]
    is_real: bool
    """Whether it holds real numbers, not the ids of tokens or positions."""
    learns: bool
    """Whether anything that has parameters was at work before it."""


@dataclass(frozen=True)
class Call:
    """One module at work. Its name is its path in the network; that of the whole network is empty."""

    name: str
    kind: str
    took: Glimpse | None
    gave: Glimpse | None


def dry_forward(module: nn.Module, batch: Inputs) -> list[Call]:
    """Every call of a module, in the order in which they end. Nothing of the network changes.

    `batch` is where the network is. On the meta device nothing is computed.
    """
    calls: list[Call] = []
    taken: list[Glimpse | None] = []
    learned = False

    def enter(_part: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        taken.append(_glimpse(tensor_of((*args, *kwargs.values())), learned))

    def leave(name: str, part: nn.Module, _args: Any, output: Any) -> None:
        nonlocal learned
        learned = learned or next(part.parameters(recurse=False), None) is not None
        calls.append(Call(name, type(part).__name__, taken.pop(), _glimpse(tensor_of(output), learned)))

    handles = []
    for name, part in module.named_modules():
        handles.append(part.register_forward_pre_hook(enter, with_kwargs=True))
        handles.append(part.register_forward_hook(partial(leave, name)))
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
    if not isinstance(given, dict | tuple | list):
        return None
    parts: Iterable[Any] = given.values() if isinstance(given, dict) else given
    return next((part for part in parts if isinstance(part, Tensor)), None)


def _glimpse(tensor: Tensor | None, learned: bool) -> Glimpse | None:
    if tensor is None:
        return None
    return Glimpse(tuple(tensor.shape), tensor.is_floating_point(), learned)
