"""How the losses of the parts of a batch add up to the loss of the batch."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from distill.losses.labels import is_labeled
from distill.losses.terms import Over

Counts = Mapping[Over, Tensor]


def counts(labels: Tensor, mask: Tensor | None, *, examples: int) -> Counts:
    """How much of everything that a term may average over a batch, or a part of one, holds.

    `labels` are those of the rows, `mask` is bool (B, L) or None where there are no tokens. Each count
    is a float64 scalar on the labels' device, so that counting waits for nothing. A `batch` counts 1.
    """
    held: dict[Over, Tensor] = {
        "rows": torch.tensor(len(labels), device=labels.device),
        "labeled_rows": is_labeled(labels).sum(),
        "examples": torch.tensor(examples, device=labels.device),
        "batch": torch.tensor(1, device=labels.device),
    }
    if mask is not None:
        lengths_B = mask.sum(dim=-1)
        held |= {"tokens": lengths_B.sum(), "token_pairs": lengths_B.square().sum()}
    return {over: count.double() for over, count in held.items()}


def portions(parts: Sequence[Counts]) -> list[Counts]:
    """What the mean of each part counts for in the mean of the whole batch, in their order."""
    whole = {over: torch.stack([part[over] for part in parts]).sum().clamp(min=1) for over in parts[0]}
    return [{over: count / whole[over] for over, count in part.items()} for part in parts]
