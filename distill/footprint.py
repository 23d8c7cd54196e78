"""How much a network weighs, and how much memory its training needs."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from distill import models
from distill.config.networks import Input

COPIES_OF_WEIGHTS = {"adamw": 4, "sgd": 3, None: 1}
"""Weights, gradients and the optimizer's moments; a frozen teacher (None) has the weights alone."""
RUNTIME_BYTES = 300_000_000
"""What torch itself takes."""


@dataclass(frozen=True)
class Footprint:
    """`training_bytes` counts weights, gradients, moments, activations of a batch and the runtime."""

    parameters: int
    size_bytes: int
    activation_bytes: int
    training_bytes: int


def training_footprint(
    module: nn.Module, seen: Input, *, batch: int, optimizer: Literal["adamw", "sgd"] | None
) -> Footprint:
    """Estimated from one meta forward: every module's output is kept until the backward pass.

    `seen` is what the first layer sees. The activations of a frozen network are freed at once, so
    only its largest one counts.
    """
    outputs = _output_bytes(module, seen)
    kept = (sum(outputs) if optimizer is not None else 2 * max(outputs, default=0)) * batch
    size = models.size_bytes(module)
    return Footprint(
        parameters=models.parameters(module),
        size_bytes=size,
        activation_bytes=kept,
        training_bytes=COPIES_OF_WEIGHTS[optimizer] * size + kept + RUNTIME_BYTES,
    )


def _output_bytes(module: nn.Module, seen: Input) -> list[int]:
    """Bytes of the output of every module that has no parts, for one example."""
    sizes: list[int] = []

    def record(_: nn.Module, __: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            sizes.append(output.numel() * output.element_size())

    leaves = (part for part in module.modules() if next(part.children(), None) is None)
    handles = [leaf.register_forward_hook(record) for leaf in leaves]
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            module(models.example_batch(seen, batch=1, device="meta"))
    finally:
        module.train(was_training)
        for handle in handles:
            handle.remove()
    return sizes
