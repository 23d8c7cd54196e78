"""What every operation has in common: which blocks stay, and which units are important."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Original:
    """A network that is made smaller: its complete configuration, and the shape that it sees."""

    config: dict[str, Any]
    shape: Sequence[int]


class Surgery(Protocol):
    """How one architecture is made smaller."""

    def blocks(self, of: Original) -> int:
        """How many blocks there are to choose from."""
        ...

    def needed(self, of: Original) -> dict[int, str]:
        """Blocks that must stay, each with the reason."""
        ...

    def smaller(self, of: Original, kept: list[int], width: float) -> dict[str, Any]:
        """The configuration of what is left of these blocks, with this share of their units."""
        ...

    def inherited(self, weights: Weights, of: Original, kept: list[int], width: float) -> Weights:
        """The weights of what is left, as the network of the smaller configuration names them."""
        ...


def spread(count: int, blocks: int) -> list[int]:
    """So many of the blocks, evenly, the first and the last among them: of 12 layers 6 are
    0, 2, 4, 7, 9, 11 (Sanh et al., 2019, in the code of DistilBERT)."""
    if count < 2:
        return [0][:count]
    return [int(position * (blocks - 1) / (count - 1) + 0.5) for position in range(count)]


def share(units: int, width: float) -> int:
    """So many of the units, at least one."""
    return max(1, round(units * width))


def most_important(importance: Tensor, count: int) -> Tensor:
    """The places of the largest values, in rising order; of equal ones the first."""
    return importance.argsort(descending=True, stable=True)[:count].sort().values


def norm_of_units(incoming: Tensor, outgoing: Tensor) -> Tensor:
    """The L1 norm of every unit's weights (Li et al., 2017, section 3.1), to it and from it.

    `incoming` is (units, inputs), `outgoing` (outputs, units).
    """
    return incoming.abs().sum(dim=1) + outgoing.abs().sum(dim=0)


def batch_norm_of(weights: Weights, name: str, channels: Tensor, *, named: str) -> dict[str, Tensor]:
    """A batch norm of these channels alone, under its new name."""
    cut = {f"{named}.{part}": weights[f"{name}.{part}"][channels] for part in _PER_CHANNEL}
    return cut | {f"{named}.num_batches_tracked": weights[f"{name}.num_batches_tracked"]}


_PER_CHANNEL = ("weight", "bias", "running_mean", "running_var")
