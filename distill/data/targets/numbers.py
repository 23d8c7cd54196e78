"""One or more real numbers for each example."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from distill.data.examples import Array
from distill.data.targets.naming import WRONG_COLUMN, refuse_map, renamed
from distill.rejection import Rejected

PREVIEWS = 12


@dataclass(frozen=True)
class NumberTargets:
    """`values` is float32 (n, outputs); a row of NaN is unlabeled."""

    names: list[str]
    values: Array
    partly: Array
    """bool (n,): which had some of their numbers, and are unlabeled for want of the others."""

    @classmethod
    def of(cls, numbers: Array, names: list[str] | None, label_map: Mapping[str, str]) -> Self:
        """`numbers` is float (n, outputs), NaN where one is missing."""
        assert names is not None
        refuse_map(label_map, "the labels here are numbers")
        with np.errstate(over="ignore"):
            values = numbers.astype(np.float32)
        if bool(np.isinf(values).any()):
            raise Rejected(
                "not_a_number",
                "data",
                f"the label of row {int(np.isinf(values).any(axis=1).argmax())} is infinite as a float32",
                "give finite numbers, or leave the label empty",
            )
        missing = np.isnan(values)
        partly = np.asarray(missing.any(axis=1) & ~missing.all(axis=1))
        values[missing.any(axis=1)] = np.nan
        targets = cls(renamed(names, {}), values, partly)
        targets._require_variety()
        return targets

    def _require_variety(self) -> None:
        known = self.values[self._known()]
        if len(known) == 0:
            raise Rejected("one_class", "data", "no example has a number as its label", WRONG_COLUMN)
        constant = np.flatnonzero((known == known[0]).all(axis=0))
        if len(constant):
            at = int(constant[0])
            raise Rejected(
                "one_class",
                "data",
                f"every labeled example has the same '{self.names[at][:60]}': {known[0, at]:g}",
                WRONG_COLUMN,
            )

    def _known(self) -> Array:
        known: Array = ~np.isnan(self.values[:, 0])
        return known

    def keys(self) -> list[Hashable | None]:
        return [
            row.tobytes() if known else None
            for row, known in zip(self.values, self._known().tolist(), strict=True)
        ]

    def strata(self) -> list[Hashable | None]:
        """One for all that have a label."""
        return [0 if known else None for known in self._known().tolist()]

    def encoded(self, positions: Sequence[int]) -> Array:
        return self.values[positions]

    def labeled(self, positions: Sequence[int]) -> int:
        return int(self._known()[positions].sum())

    def counts(self, positions: Sequence[int]) -> list[int]:
        return []

    def report(self, positions: Sequence[int]) -> dict[str, Any]:
        some = self.values[positions].astype(np.float64)
        known = some[~np.isnan(some[:, 0])]
        return {
            "numbers": {
                name: {
                    "mean": float(column.mean()),
                    "std": float(column.std()),
                    "min": float(column.min()),
                    "max": float(column.max()),
                }
                for name, column in zip(self.names, known.T, strict=True)
                if len(column)
            },
            "partly_labeled": int(self.partly[positions].sum()),
        }

    def column(self, positions: Sequence[int]) -> pa.Array:
        """Numbers; lists of them where there are several outputs."""
        some, known = self.values[positions], self._known()[positions]
        if len(self.names) == 1:
            return pa.array(some[:, 0], pa.float32(), mask=~known)
        rows = [row if labeled else None for row, labeled in zip(some, known, strict=True)]
        return pa.array(rows, pa.list_(pa.float32()))

    def worth_showing(self, positions: Sequence[int]) -> list[int]:
        """Some between the lowest and the highest number, these among them."""
        places = np.array(positions, np.int64)
        places = places[self._known()[places]]
        order = places[np.argsort(self.values[places, 0], kind="stable")]
        picks = np.unique(np.linspace(0, len(order) - 1, num=min(PREVIEWS, len(order))).astype(int))
        return [int(order[pick]) for pick in picks]

    def shown(self, position: int) -> Any:
        row: list[float] = self.values[position].tolist()
        return row[0] if len(row) == 1 else row
