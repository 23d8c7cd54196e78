"""Labels in arrays of numpy, by the target of the task.

Classes: a label that is NaN or empty text is unlabeled; so is -1 beside two or more labels from 0 up.
Label sets: (n, labels) of 0 and 1, a row of -1 or NaN is unlabeled. Numbers: (n,) or (n, outputs), NaN
is unlabeled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distill.config.tasks import Target
from distill.data.examples import Array, Labels, label_name
from distill.rejection import Rejected

UNLABELED = "-1"


@dataclass(frozen=True)
class Found:
    """The labels of one part of the examples, as the archive has them; None where it has none."""

    count: int
    inputs_name: str
    name: str | None
    values: Array | None


def read_labels(
    found: Sequence[Found], names: list[str] | None, target: Target
) -> tuple[Labels, list[str] | None]:
    """The labels of all parts in order, and the names of their columns. `names` are the archive's own.

    Raises:
        Rejected: `shape_mismatch`, or `labels_not_classes`, `labels_not_sets` or `not_a_number`.
    """
    match target:
        case "class":
            return _without_marker([label for part in found for label in _classes(part)]), None
        case "label_set":
            sets = np.concatenate(_as_wide(found, [_flags(part) for part in found], unlabeled=-1))
            return sets, _column_names(names, sets.shape[1], [str(at) for at in range(sets.shape[1])])
        case "number":
            numbers = np.concatenate(_as_wide(found, [_numbers(part) for part in found], unlabeled=np.nan))
            usual = next(part.name for part in found if part.name is not None).removesuffix("_train")
            width = numbers.shape[1]
            default = [usual] if width == 1 else [f"{usual}{at}" for at in range(width)]
            return numbers, _column_names(names, width, default)
    return None, None


def one_a_row(values: Array, name: str, inputs: str, count: int) -> list[str | None]:
    """One name for each example.

    Raises:
        Rejected: `shape_mismatch` or `labels_not_classes`.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or len(values) != count:
        raise Rejected(
            "shape_mismatch",
            "data",
            f"'{name}' has the shape {shown(values.shape)}; '{inputs}' has {count} examples",
            "give one label for each example, as a class; for several at once use the task "
            "multi-label-classification",
        )
    if values.dtype.kind not in "iufUSb":
        raise Rejected("labels_not_classes", "data", f"'{name}' of {values.dtype} holds no labels")
    return [label_name(value) for value in values.tolist()]


def shown(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"


def _classes(part: Found) -> list[str | None]:
    if part.values is None or part.name is None:
        return [None] * part.count
    return one_a_row(part.values, part.name, part.inputs_name, part.count)


def _without_marker(labels: list[str | None]) -> list[str | None]:
    """The labels with -1 as "unlabeled", where it stands beside real classes; {-1, 1} are two classes."""
    others = {label for label in labels if label not in (None, UNLABELED)}
    if len(others) < 2 or not all(label is not None and label.isdigit() for label in others):
        return labels
    return [None if label == UNLABELED else label for label in labels]


def _flags(part: Found) -> Array | None:
    """int8 (n, labels) of one part."""
    if part.values is None:
        return None
    values = _rectangular(part, dimensions=(2,), hint="give 0 or 1 for each example and label: (n, labels)")
    if values.dtype.kind not in "iufb":
        raise Rejected("labels_not_sets", "data", f"'{part.name}' of {values.dtype} holds no 0 and 1")
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), -1, values)
    unlabeled = (values == -1).all(axis=1) if values.dtype.kind in "if" else np.zeros(len(values), bool)
    strange = ~((values == 0) | (values == 1)).all(axis=1) & ~unlabeled
    if strange.any():
        raise Rejected(
            "labels_not_sets",
            "data",
            f"row {int(strange.argmax())} of '{part.name}' has other values than 0 and 1",
            "give 1 where a label holds and 0 elsewhere; -1 in the whole row where nothing is known",
        )
    return values.astype(np.int8)


def _numbers(part: Found) -> Array | None:
    """float64 (n, outputs) of one part."""
    if part.values is None:
        return None
    values = _rectangular(part, dimensions=(1, 2), hint="give one number, or a row of them, for each example")
    if values.dtype.kind not in "iuf":
        raise Rejected("not_a_number", "data", f"'{part.name}' of {values.dtype} holds no numbers")
    return values.astype(np.float64).reshape(len(values), -1)


def _rectangular(part: Found, *, dimensions: tuple[int, ...], hint: str) -> Array:
    values = part.values
    assert values is not None
    if values.ndim not in dimensions or len(values) != part.count or 0 in values.shape[1:]:
        raise Rejected(
            "shape_mismatch",
            "data",
            f"'{part.name}' has the shape {shown(values.shape)}; '{part.inputs_name}' has "
            f"{part.count} examples",
            hint,
        )
    return values


def _as_wide(found: Sequence[Found], parts: list[Array | None], *, unlabeled: float) -> list[Array]:
    """The parts with rows of `unlabeled` for those that have no labels.

    Raises:
        Rejected: `shape_mismatch`, where two have different columns.
    """
    widths = {part.shape[1]: part.dtype for part in parts if part is not None}
    if len(widths) > 1:
        raise Rejected(
            "shape_mismatch", "data", f"the splits have {' and '.join(map(str, widths))} columns of labels"
        )
    ((width, dtype),) = widths.items()
    return [
        np.full((source.count, width), unlabeled, dtype) if part is None else part
        for source, part in zip(found, parts, strict=True)
    ]


def _column_names(names: list[str] | None, width: int, default: list[str]) -> list[str]:
    if names is not None and len(names) != width:
        raise Rejected(
            "shape_mismatch",
            "data",
            f"'labels' names {len(names)} columns; there are {width}",
            "name each column of the labels once, in their order",
        )
    return names or default
