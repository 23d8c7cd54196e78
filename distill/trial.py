"""Show networks a few examples before anything trains, and refuse what could not work."""

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor, nn

from distill.batches import View
from distill.config.networks import Input, Network
from distill.rejection import Rejected
from distill.train import FrozenTeacher

Warn = Callable[[str, str], None]
EXAMPLES_TO_TRY = 512
AT_ONCE = 64


def try_network(module: nn.Module, view: View, network: Network, who: str, *, batch_size: int) -> Tensor:
    """Logits of one or two examples, to see that the network takes them, and so few at once.

    Raises:
        Rejected: `input_does_not_fit` or `outputs_do_not_fit`.
    """
    inputs, _ = view.batch(torch.arange(min(2, batch_size)) % len(view))
    try:
        with torch.inference_mode():
            logits: Tensor = module(inputs)
    except (RuntimeError, ValueError, IndexError) as error:
        raise Rejected(
            "input_does_not_fit",
            "user",
            f"the {who} does not take inputs of shape {_shape(network.input)}: {str(error).splitlines()[0]}",
            f"change the {who}'s architecture or its preprocessing",
            {"pointer": f"/{who}"},
        ) from error
    if logits.shape[1:] != (network.num_outputs,):
        raise Rejected(
            "outputs_do_not_fit",
            "user",
            f"the {who} gives outputs of shape {list(logits.shape[1:])}, not one for each of "
            f"{network.num_outputs} classes",
            None,
            {"pointer": f"/{who}"},
        )
    return logits


def try_teacher(teacher: FrozenTeacher, validation: View, network: Network, warn: Warn) -> None:
    """Refuse a teacher whose answers are no logits; warn of one that knows nothing here.

    Raises:
        Rejected: as `try_network`, or `teacher_outputs_probabilities`, or `teacher_not_finite`.
    """
    try_network(teacher, validation, network, "teacher", batch_size=2)
    rows = _spread(validation.labeled_rows())
    logits = torch.cat([teacher(validation.batch(some)[0]).cpu() for some in torch.split(rows, AT_ONCE)])
    if not bool(torch.isfinite(logits).all()):
        raise Rejected(
            "teacher_not_finite",
            "user",
            "the teacher answers some validation examples with NaN or infinity",
            "check its preprocessing, or upload an earlier checkpoint of it",
            {"pointer": "/teacher"},
        )
    if _are_probabilities(logits):
        raise Rejected(
            "teacher_outputs_probabilities",
            "user",
            "the teacher's outputs are probabilities, not logits",
            "register the network without its last softmax",
            {"pointer": "/teacher"},
        )
    accuracy = float((logits.argmax(dim=-1) == validation.labels[rows]).float().mean())
    chance = 1 / network.num_outputs
    if accuracy <= chance + 2 * sqrt(chance * (1 - chance) / len(rows)):
        warn(
            "teacher_near_chance",
            f"the teacher is right on {accuracy:.0%} of {len(rows)} validation examples, about as a guess "
            f"among {network.num_outputs} classes would be: check its labels and its preprocessing",
        )


def _spread(rows: Tensor) -> Tensor:
    """So many of the rows, evenly: a dataset may be sorted by its classes."""
    return rows[:: -(-len(rows) // EXAMPLES_TO_TRY)]


def _are_probabilities(logits: Tensor) -> bool:
    """Whether all rows are a softmax already, or its logarithm."""
    for rows in (logits.double(), logits.double().exp()):
        sums = rows.sum(dim=-1)
        if bool((rows >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-4):
            return True
    return False


def _shape(input: Input) -> str:
    return " x ".join(map(str, input.shape))
