"""Any number of labels for each example."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from distill.data.budget import require_memory
from distill.data.examples import Array
from distill.data.targets.naming import (
    PREVIEWED_NAMES,
    PREVIEWS_OF_EACH,
    WRONG_COLUMN,
    names_in_order,
    renamed,
)
from distill.rejection import Rejected

NO_LABEL_HOLDS = -1
"""The stratum of examples with an empty set."""


@dataclass(frozen=True)
class LabelSetTargets:
    """`sets` is int8 (n, labels), 1 where a label holds; a row of -1 is unlabeled."""

    names: list[str]
    sets: Array

    @classmethod
    def of(
        cls,
        labels: Array | Sequence[frozenset[str] | None],
        names: list[str] | None,
        label_map: Mapping[str, str],
    ) -> Self:
        """`names` are those of the columns, where the source has one for each label."""
        if isinstance(labels, np.ndarray):
            assert names is not None
            targets = cls(renamed(names, label_map), labels.astype(np.int8))
        else:
            targets = cls._of_names(labels, names, label_map)
        known = targets.sets[targets.sets[:, 0] >= 0]
        if len(known) == 0 or bool((known == known[0]).all()):
            found = "all are the same" if len(known) else "there are none"
            raise Rejected(
                "one_class", "data", f"label sets must differ to be learned; {found}", WRONG_COLUMN
            )
        return targets

    @classmethod
    def _of_names(
        cls,
        labels: Sequence[frozenset[str] | None],
        names: list[str] | None,
        label_map: Mapping[str, str],
    ) -> Self:
        if names is None:
            counts = Counter(label_map.get(name, name) for found in labels if found for name in found)
            names = names_in_order(counts, noun="places")
        else:
            names = renamed(names, label_map)
        if not names:
            raise Rejected("one_class", "data", "no example has any label", WRONG_COLUMN)
        require_memory(len(labels) * len(names), "the table of labels")
        number = {name: position for position, name in enumerate(names)}
        sets = np.zeros((len(labels), len(names)), np.int8)
        for row, found in enumerate(labels):
            if found is None:
                sets[row] = -1
            else:
                sets[row, [number[label_map.get(name, name)] for name in found]] = 1
        return cls(names, sets)

    def _known(self) -> Array:
        return self.sets[:, 0] >= 0

    def keys(self) -> list[Hashable | None]:
        return [row.tobytes() if row[0] >= 0 else None for row in self.sets]

    def strata(self) -> list[Hashable | None]:
        """Of its labels the one that is rarest overall, so that also a rare one comes into every split."""
        holds = self.sets == 1
        rarest_first = holds.sum(axis=0).argsort(kind="stable")
        holds = holds[:, rarest_first]
        rarest = np.where(holds.any(axis=1), rarest_first[holds.argmax(axis=1)], NO_LABEL_HOLDS)
        return [
            stratum if known else None
            for stratum, known in zip(rarest.tolist(), self._known().tolist(), strict=True)
        ]

    def encoded(self, positions: Sequence[int]) -> Array:
        return self.sets[positions]

    def labeled(self, positions: Sequence[int]) -> int:
        return int(self._known()[positions].sum())

    def counts(self, positions: Sequence[int]) -> list[int]:
        counts: list[int] = (self.sets[positions] == 1).sum(axis=0).tolist()
        return counts

    def report(self, positions: Sequence[int]) -> dict[str, Any]:
        some = self.sets[positions]
        sizes = (some[some[:, 0] >= 0] == 1).sum(axis=1)
        return {
            "balance": dict(zip(self.names, self.counts(positions), strict=True)),
            "labels_per_example": float(sizes.mean()) if len(sizes) else None,
            "without_any_label": int((sizes == 0).sum()),
        }

    def column(self, positions: Sequence[int]) -> pa.Array:
        """Lists of the indices that hold."""
        rows = [np.flatnonzero(row).tolist() if row[0] >= 0 else None for row in self.sets[positions]]
        return pa.array(rows, pa.list_(pa.int64()))

    def worth_showing(self, positions: Sequence[int]) -> list[int]:
        """A few that have each label, each once."""
        places, some = np.array(positions, np.int64), self.sets[positions]
        chosen = {
            int(position): None
            for label in range(min(len(self.names), PREVIEWED_NAMES))
            for position in places[some[:, label] == 1][:PREVIEWS_OF_EACH]
        }
        return list(chosen)

    def shown(self, position: int) -> list[str]:
        return [self.names[label] for label in np.flatnonzero(self.sets[position])]
