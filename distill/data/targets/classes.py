"""One class for each example."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from distill.data.examples import Array
from distill.data.targets.naming import PREVIEWED_NAMES, PREVIEWS_OF_EACH, names_in_order, require_two


@dataclass(frozen=True)
class ClassTargets:
    """`index` is int64 (n,), into `names`; -1 where unlabeled."""

    names: list[str]
    index: Array

    @classmethod
    def of(cls, labels: Sequence[str | None], label_map: Mapping[str, str]) -> Self:
        mapped = [None if label is None else label_map.get(label, label) for label in labels]
        counts = Counter(label for label in mapped if label is not None)
        require_two(counts, "a classifier needs at least two classes")
        names = names_in_order(counts, noun="examples")
        number = {name: position for position, name in enumerate(names)}
        return cls(names, np.array([-1 if label is None else number[label] for label in mapped], np.int64))

    def keys(self) -> list[Hashable | None]:
        return [None if label < 0 else label for label in self.index.tolist()]

    def strata(self) -> list[Hashable | None]:
        return self.keys()

    def encoded(self, positions: Sequence[int]) -> Array:
        return self.index[positions]

    def labeled(self, positions: Sequence[int]) -> int:
        return int((self.index[positions] >= 0).sum())

    def counts(self, positions: Sequence[int]) -> list[int]:
        known = self.index[positions]
        counts: list[int] = np.bincount(known[known >= 0], minlength=len(self.names)).tolist()
        return counts

    def report(self, positions: Sequence[int]) -> dict[str, Any]:
        return {"balance": dict(zip(self.names, self.counts(positions), strict=True))}

    def column(self, positions: Sequence[int]) -> pa.Array:
        some = self.index[positions]
        return pa.array(some, pa.int64(), mask=some < 0)

    def worth_showing(self, positions: Sequence[int]) -> list[int]:
        """A few of each class."""
        places, some = np.array(positions, np.int64), self.index[positions]
        return [
            int(position)
            for label in range(min(len(self.names), PREVIEWED_NAMES))
            for position in places[some == label][:PREVIEWS_OF_EACH]
        ]

    def shown(self, position: int) -> str:
        return self.names[int(self.index[position])]
