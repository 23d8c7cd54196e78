"""What an inspection asks of labels. One module beside this for each target."""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import pyarrow as pa

from distill.data.examples import Array


class Targets(Protocol):
    """The labels of all examples of a source. `positions` number these examples, from 0."""

    @property
    def names(self) -> list[str]:
        """`labels` of the dataset."""
        ...

    def keys(self) -> list[Hashable | None]:
        """What two copies of one example must agree in; None where an example has no label."""
        ...

    def strata(self) -> list[Hashable | None]:
        """Within what an example is dealt into splits; None where it belongs into train."""
        ...

    def encoded(self, positions: Sequence[int]) -> Array:
        """Labels as `distill.config.networks.Dataset` says."""
        ...

    def labeled(self, positions: Sequence[int]) -> int:
        """How many of these examples have a label."""
        ...

    def counts(self, positions: Sequence[int]) -> list[int]:
        """How often each of `names` holds; of what cannot be counted, empty."""
        ...

    def report(self, positions: Sequence[int]) -> dict[str, Any]:
        """What a user should know of the labels of one split."""
        ...

    def column(self, positions: Sequence[int]) -> pa.Array:
        """The column `label` of a table; null where unlabeled."""
        ...

    def worth_showing(self, positions: Sequence[int]) -> list[int]:
        """A few of these positions that show what there is."""
        ...

    def shown(self, position: int) -> Any:
        """One label in words or numbers, as JSON."""
        ...
