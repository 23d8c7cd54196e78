"""One tag for each word of an example."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from distill.data.examples import Array
from distill.data.targets.naming import names_in_order, require_two

PREVIEWS = 12


@dataclass(frozen=True)
class TagTargets:
    """`tags` has int64 (words,) of each example, indices into `names`; -1 where a word is unlabeled."""

    names: list[str]
    tags: list[Array]

    @classmethod
    def of(cls, labels: Sequence[Sequence[str | None]], label_map: Mapping[str, str]) -> Self:
        counts = Counter(label_map.get(tag, tag) for tags in labels for tag in tags if tag is not None)
        require_two(counts, "words need at least two tags")
        names = names_in_order(counts, noun="words")
        number: dict[str | None, int] = {name: position for position, name in enumerate(names)}
        number |= {tag: number[name] for tag, name in label_map.items() if name in number}
        return cls(names, [np.array([number.get(tag, -1) for tag in tags], np.int64) for tags in labels])

    def _is_known(self, position: int) -> bool:
        return bool((self.tags[position] >= 0).any())

    def keys(self) -> list[Hashable | None]:
        return [
            tags.tobytes() if self._is_known(position) else None for position, tags in enumerate(self.tags)
        ]

    def strata(self) -> list[Hashable | None]:
        """One for all that have any tag."""
        return [0 if self._is_known(position) else None for position in range(len(self.tags))]

    def encoded(self, positions: Sequence[int]) -> Array:
        return np.concatenate([np.empty(0, np.int64), *(self.tags[position] for position in positions)])

    def labeled(self, positions: Sequence[int]) -> int:
        return sum(self._is_known(position) for position in positions)

    def counts(self, positions: Sequence[int]) -> list[int]:
        words = self.encoded(positions)
        counts: list[int] = np.bincount(words[words >= 0], minlength=len(self.names)).tolist()
        return counts

    def report(self, positions: Sequence[int]) -> dict[str, Any]:
        counts = self.counts(positions)
        return {
            "balance": dict(zip(self.names, counts, strict=True)),
            "words": sum(len(self.tags[position]) for position in positions),
            "words_with_a_tag": sum(counts),
        }

    def column(self, positions: Sequence[int]) -> pa.Array:
        """Lists of indices, one a word; null where a word is unlabeled."""
        rows = [
            [None if tag < 0 else tag for tag in self.tags[position].tolist()]
            if self._is_known(position)
            else None
            for position in positions
        ]
        return pa.array(rows, pa.list_(pa.int64()))

    def worth_showing(self, positions: Sequence[int]) -> list[int]:
        """The ones with the most different tags."""
        known = [position for position in positions if self._is_known(position)]
        return sorted(known, key=lambda position: -len(np.unique(self.tags[position])))[:PREVIEWS]

    def shown(self, position: int) -> list[str | None]:
        return [None if tag < 0 else self.names[tag] for tag in self.tags[position].tolist()]
