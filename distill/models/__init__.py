"""Networks: built by name from their parameters, or loaded from what an inspection wrote."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from distill.config.architectures import ARCHITECTURES, TAKES
from distill.config.networks import Input, Layer, Network
from distill.config.tasks import TASKS, Target, Task
from distill.models.dry_forward import dry_forward
from distill.models.units import InUnits
from distill.preprocess import view
from distill.rejection import Rejected

HEADS: dict[Target, str] = {
    "class": "sequence",
    "label_set": "sequence",
    "number": "sequence",
    "tag": "token",
    "embedding": "embedding",
}
"""The head that each target needs on a transformer."""

Builder = Callable[[dict[str, Any], Sequence[int], int], nn.Module]


def complete(architecture: str, config: dict[str, Any], *, task: Task) -> dict[str, Any]:
    """`config` with every parameter that it left to its default, and with the head that `task` needs.

    Raises:
        Rejected: `head_unfit`, where `config` asks for another head.
    """
    filled = _with_defaults(architecture, config)
    if architecture != "huggingface":
        return filled
    needed = HEADS[TASKS[task].target]
    if filled["head"] not in (None, needed):
        raise Rejected(
            "head_unfit",
            "user",
            f"the head is '{filled['head']}'; {task} needs '{needed}'",
            "leave head out: it is then what the task needs",
        )
    return filled | {"head": needed}


def _with_defaults(architecture: str, config: dict[str, Any]) -> dict[str, Any]:
    return ARCHITECTURES[architecture].model_validate(config).model_dump()


def build(architecture: str, config: dict[str, Any], *, input: Input, num_outputs: int) -> nn.Module:
    """An untrained network with `num_outputs` outputs: (B, outputs), or of tags (B, L, outputs).

    `input` is what the first layer sees: see `distill.preprocess.view`.

    Raises:
        Rejected: `input_not_taken`, where the architecture takes another kind of input, or
            `configuration_invalid`, where these parameters make no network.
    """
    if input.kind not in TAKES[architecture]:
        fitting = ", ".join(name for name, kinds in TAKES.items() if input.kind in kinds)
        raise Rejected(
            "input_not_taken",
            "user",
            f"'{architecture}' takes {' or '.join(TAKES[architecture])} inputs; these are {input.kind}",
            f"use one of: {fitting}",
        )
    builder: Builder = import_module(f"distill.models.{architecture}").build
    try:
        return builder(_with_defaults(architecture, config), input.shape, num_outputs)
    except (ValueError, TypeError, OverflowError, RuntimeError, AssertionError) as error:
        raise Rejected(
            "configuration_invalid",
            "user",
            f"these parameters make no '{architecture}': {error}",
            "GET /v1/architectures lists the parameters and their ranges",
        ) from error


def build_on_meta(architecture: str, config: dict[str, Any], *, input: Input, num_outputs: int) -> nn.Module:
    """The same network without memory for its weights: names, shapes and dtypes alone."""
    with torch.device("meta"):
        return build(architecture, config, input=input, num_outputs=num_outputs)


def for_dry_forward(module: nn.Module, input: Input) -> nn.Module:
    """A meta module as it is quickest to show it an example: on the CPU with weights of zero.

    There it takes milliseconds, where torch would first load a second's worth of itself for the meta
    device. Not so of a transformer, which has that loaded anyway, and may read long texts: it stays.
    """
    if input.kind == "text":
        return module
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            setattr(part, name, nn.Parameter(torch.zeros(parameter.shape, dtype=parameter.dtype)))
        for name, buffer in list(part.named_buffers(recurse=False)):
            setattr(part, name, torch.zeros(buffer.shape, dtype=buffer.dtype))
    return module


def load_network(network: Network, folder: Path) -> nn.Module:
    """The network in `folder`, in eval mode.

    Built afresh from the record, its weights read from disk; shares nothing with any other module,
    and draws nothing from the global random generator. Numbers come in the units of their labels.
    """
    seen = view(network.input, network.preprocessing)
    with torch.random.fork_rng(devices=[]):
        module = build(network.architecture, network.config, input=seen, num_outputs=network.num_outputs)
    module.load_state_dict(load_weights(network, folder), strict=True)
    if network.scale is not None:
        module.register_forward_hook(InUnits(network.scale))
    return module.eval()


def load_weights(network: Network, folder: Path) -> dict[str, Tensor]:
    """The weights in `folder`, read from disk."""
    return load_file(folder / weights_name(network))


def weights_name(network: Network) -> str:
    """The file of `network.files` that holds its weights."""
    (name,) = (name for name in network.files if name.endswith(".safetensors"))
    return name


def parameters(module: nn.Module) -> int:
    """How many numbers training may change."""
    return sum(parameter.numel() for parameter in module.parameters())


def size_bytes(module: nn.Module) -> int:
    """Bytes of everything that a file of this network holds, buffers included."""
    return sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())


def example_batch(input: Input, *, batch: int, device: str) -> Tensor | dict[str, Tensor]:
    """A batch of zeros such as the network takes it: float32 (batch, ...), or token ids, none padded."""
    shape = (batch, *input.shape)
    if input.kind != "text":
        return torch.zeros(shape, device=device)
    return {"input_ids": torch.zeros(shape, dtype=torch.int64, device=device)}


def device_of(module: nn.Module) -> str:
    """Where its weights are."""
    return str(next(module.parameters()).device)


def layers(module: nn.Module, input: Input) -> list[Layer]:
    """Every module that computes, in the order of one dry forward, with its output's shape."""
    calls = dry_forward(module, example_batch(input, batch=1, device=device_of(module)))
    return [
        Layer(name=call.name, shape=None if call.gave is None else list(call.gave.shape[1:]), kind=call.kind)
        for call in calls
        if call.name
    ]
