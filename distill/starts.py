"""Where a student begins: at random, with layers of its teacher, or with the weights of a model."""

from collections.abc import Mapping
from importlib import import_module
from typing import cast

import torch
from torch import Tensor, nn

from distill import models
from distill.config.networks import Input
from distill.config.students import FromTeacher, NetworkToBuild
from distill.config.tasks import Task
from distill.rejection import Rejected
from distill.surgery.cuts import Original, Surgery, spread
from distill.teachers import Affine, FrozenTeacher

AT = "/student/from_teacher"


def smaller_than(teacher: NetworkToBuild, choice: FromTeacher, *, seen: Input, task: Task) -> NetworkToBuild:
    """The student that is left of a teacher; before there are any weights.

    Raises:
        Rejected: `layers_unfit`, with a pointer, where the choice makes no network.
    """
    surgery, original = _surgery(teacher.architecture), _original(teacher, seen, task)
    kept = kept_blocks(choice, surgery, original)
    config = surgery.smaller(original, kept, choice.width)
    return NetworkToBuild(architecture=teacher.architecture, config=config)


def inherit(
    student: nn.Module,
    teacher: FrozenTeacher,
    network: NetworkToBuild,
    choice: FromTeacher,
    *,
    seen: Input,
    task: Task,
) -> None:
    """Give a fresh student the weights of what `choice` leaves of its teacher, built as `network`.

    Its outputs begin in the order of the job's labels, and in the space of these.
    """
    surgery, original = _surgery(network.architecture), _original(network, seen, task)
    kept = kept_blocks(choice, surgery, original)
    weights = surgery.inherited(teacher.network.state_dict(), original, kept, choice.width)
    student.load_state_dict(dict(weights))
    speak(student, teacher.order, teacher.units)


def speak(student: nn.Module, order: Tensor | None, units: Affine | None) -> None:
    """Turn the last linear layer so that a network's outputs come in this order and these units."""
    if order is None and units is None:
        return
    head = [part for part in student.modules() if isinstance(part, nn.Linear)][-1]
    with torch.no_grad():
        if order is not None:
            head.weight.copy_(head.weight[order])
            head.bias.copy_(head.bias[order])
        if units is not None:
            factor, offset = units.factor.to(head.weight), units.offset.to(head.weight)
            head.weight.mul_(factor.unsqueeze(-1))
            head.bias.mul_(factor).add_(offset)


def kept_blocks(choice: FromTeacher, surgery: Surgery, original: Original) -> list[int]:
    """Which blocks of the teacher the student has, in rising order."""
    blocks, needed = surgery.blocks(original), surgery.needed(original)
    if blocks == 0:
        raise _unfit("the teacher is one layer alone", "say the student's architecture")
    if choice.layers is None:
        return _spread(choice.num_layers or blocks, blocks, needed)
    beyond = [layer for layer in choice.layers if layer >= blocks]
    if beyond:
        raise _unfit(
            f"the teacher has no block {beyond[0]}; it has {blocks}, numbered from 0",
            f"name blocks from 0 to {blocks - 1}",
            "layers",
        )
    for block, reason in needed.items():
        if block not in choice.layers:
            raise _unfit(
                f"block {block} of the teacher {reason}: a student needs it",
                f"keep {', '.join(map(str, needed))}",
                "layers",
            )
    return choice.layers


def _spread(count: int, blocks: int, needed: Mapping[int, str]) -> list[int]:
    if count > blocks:
        raise _unfit(
            f"the teacher has {blocks} blocks; {count} cannot be taken of it",
            f"ask for at most {blocks}",
            "num_layers",
        )
    if count < len(needed):
        raise _unfit(
            f"{count} blocks are too few: {len(needed)} of the teacher's must stay, one for each stage",
            f"ask for at least {len(needed)}",
            "num_layers",
        )
    even = spread(count, blocks)
    if set(needed) <= set(even):
        return even
    others = [block for block in range(blocks) if block not in needed]
    chosen = [others[place] for place in spread(count - len(needed), len(others))]
    return sorted([*needed, *chosen])


def _unfit(message: str, hint: str, field: str | None = None) -> Rejected:
    pointer = AT if field is None else f"{AT}/{field}"
    return Rejected("layers_unfit", "user", message, hint, {"pointer": pointer})


def _surgery(architecture: str) -> Surgery:
    return cast("Surgery", import_module(f"distill.surgery.{architecture}"))


def _original(network: NetworkToBuild, seen: Input, task: Task) -> Original:
    return Original(models.complete(network.architecture, network.config, task=task), seen.shape)
