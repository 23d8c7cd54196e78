"""What says that a row has no label: -1 among whole numbers, NaN among real ones."""

from torch import Tensor

UNLABELED = -1


def is_labeled(labels: Tensor) -> Tensor:
    """bool (N,): which rows have a label, of the labels of any target."""
    known = ~labels.isnan() if labels.is_floating_point() else labels != UNLABELED
    return known if known.ndim == 1 else known.all(dim=-1)
