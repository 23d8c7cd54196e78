"""No labels: what is learned is the teacher's own embedding of each example."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa

from distill.data.examples import Array
from distill.data.targets.naming import refuse_map

PREVIEWS = 12


@dataclass(frozen=True)
class EmbeddingTargets:
    """None for any of `examples`; whatever labels a source has are left there."""

    examples: int
    names: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, examples: int, label_map: Mapping[str, str]) -> Self:
        refuse_map(label_map, "feature extraction has none")
        return cls(examples)

    def keys(self) -> list[Hashable | None]:
        return [None] * self.examples

    def strata(self) -> list[Hashable | None]:
        """One for all: each split gets its share, as none needs a label to be of use."""
        return [0] * self.examples

    def encoded(self, positions: Sequence[int]) -> Array:
        return np.full(len(positions), -1, np.int64)

    def labeled(self, positions: Sequence[int]) -> int:
        return 0

    def counts(self, positions: Sequence[int]) -> list[int]:
        return []

    def report(self, positions: Sequence[int]) -> dict[str, Any]:
        return {}

    def column(self, positions: Sequence[int]) -> pa.Array:
        return pa.nulls(len(positions), pa.int64())

    def worth_showing(self, positions: Sequence[int]) -> list[int]:
        return list(positions[:PREVIEWS])

    def shown(self, position: int) -> None:
        return None
