"""How much a network weighs, and how much memory its training needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch import nn

from distill import models
from distill.config.job import Stage
from distill.config.losses import LayerTerm
from distill.config.networks import Input
from distill.layers.anatomy import Anatomy
from distill.models.dry_forward import dry_forward

COPIES_OF_WEIGHTS = {"adamw": 4, "sgd": 3}
"""Weights, gradients and the optimizer's moments."""
RUNTIME_BYTES = 300_000_000
"""What torch itself takes."""
NUMBER_BYTES = 4


@dataclass(frozen=True)
class Footprint:
    """`training_bytes` counts weights, gradients, moments, activations of a batch and the runtime."""

    parameters: int
    size_bytes: int
    activation_bytes: int
    training_bytes: int


def training_footprint(module: nn.Module, seen: Input, *, batch: int, optimizers: Sequence[str]) -> Footprint:
    """Estimated from one dry forward: every module's output is kept until the backward pass.

    `seen` is what the first layer sees; `batch` so many examples are in the network at once.
    `optimizers` are those that train it, one after another; without any it only answers. The
    activations of a network that only answers are freed at once, so that its largest one counts.
    """
    outputs = _output_bytes(module, seen)
    kept = (sum(outputs) if optimizers else 2 * max(outputs, default=0)) * batch
    weights = weights_alone(module, optimizers)
    return Footprint(
        parameters=weights.parameters,
        size_bytes=weights.size_bytes,
        activation_bytes=kept,
        training_bytes=weights.training_bytes + kept,
    )


def weights_alone(module: nn.Module, optimizers: Sequence[str]) -> Footprint:
    """What is needed whatever the network is shown; told without a forward pass."""
    size = models.size_bytes(module)
    copies = max((COPIES_OF_WEIGHTS[kind] for kind in optimizers), default=1)
    return Footprint(models.parameters(module), size, 0, copies * size + RUNTIME_BYTES)


def bytes_of_projectors(course: Sequence[Stage], student: Anatomy, teacher: Anatomy) -> int:
    """About what the projectors of the stage with the most of them take: of each pair of layers a
    matrix between their channels, with its gradients and moments."""
    return max(
        sum(
            _channels(student, pair.student) * _channels(teacher, pair.teacher)
            for term in stage.losses
            if isinstance(term, LayerTerm) and term.layers != "auto"
            for pair in term.layers
        )
        * NUMBER_BYTES
        * COPIES_OF_WEIGHTS[stage.training.optimizer.kind]
        for stage in course
    )


def _channels(network: Anatomy, layer: str) -> int:
    shape = network.features[layer]
    return shape[0] if len(shape) == 3 else shape[-1]


def _output_bytes(module: nn.Module, seen: Input) -> list[int]:
    """Bytes of the output of every module that has no parts, for one example."""
    calls = dry_forward(module, models.example_batch(seen, batch=1, device=models.device_of(module)))
    parts = dict(module.named_modules())
    return [
        prod(call.gave.shape) * NUMBER_BYTES
        for call in calls
        if call.gave is not None and not any(parts[call.name].children())
    ]
