"""Precision, recall and F1 of each name, from how often it was said and how often that was right."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Confusion:
    """Counts of each name, int64 (names,): said rightly, there, and said at all."""

    right: Tensor
    there: Tensor
    said: Tensor

    @classmethod
    def of_choices(cls, picked_N: Tensor, labels_N: Tensor, names: int) -> "Confusion":
        """One of several names a row, int64 (N,) both."""
        right = labels_N[picked_N == labels_N].bincount(minlength=names)
        return cls(right, labels_N.bincount(minlength=names), picked_N.bincount(minlength=names))

    @classmethod
    def of_sets(cls, picked_NC: Tensor, labels_NC: Tensor) -> "Confusion":
        """Any of several names a row, 0 or 1 (N, names) both."""
        picked, there = picked_NC.long(), labels_NC.long()
        return cls((picked * there).sum(dim=0), there.sum(dim=0), picked.sum(dim=0))

    def f1(self) -> Tensor:
        """float64 (names,); 0 where a name was neither said nor there."""
        return _ratio(2 * self.right, self.said + self.there)

    def recall(self) -> Tensor:
        return _ratio(self.right, self.there)

    def balanced_accuracy(self) -> float:
        """The mean recall of the names that occur."""
        return self.recall()[self.there > 0].mean().item()

    def macro_f1(self) -> float:
        """The mean F1 of the names that occur."""
        return self.f1()[self.there > 0].mean().item() if bool(self.there.any()) else 0.0

    def micro_f1(self) -> float:
        """The F1 of all names taken together."""
        return _ratio(2 * self.right.sum(), self.said.sum() + self.there.sum()).item()

    def per_name(self, names: list[str]) -> list[dict[str, Any]]:
        """`{label, precision, recall, f1, support}` of each name."""
        precision = _ratio(self.right, self.said)
        columns = (precision, self.recall(), self.f1(), self.there)
        return [
            dict(zip(("label", "precision", "recall", "f1", "support"), row, strict=True))
            for row in zip(names, *(column.tolist() for column in columns), strict=True)
        ]


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole > 0, part.double() / whole.clamp_min(1), 0.0)
