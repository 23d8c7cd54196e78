"""What a reader hands over: examples as the source has them, before any is put in a split."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import isfinite
from typing import Any, TypeGuard

import numpy as np

from distill.config.tasks import InputKind

Array = np.ndarray[Any, np.dtype[Any]]
Inputs = Array | list[str] | list[list[str]]
Labels = (
    Sequence[str | None] | Sequence[frozenset[str] | None] | Sequence[Sequence[str | None]] | Array | None
)


@dataclass(frozen=True)
class Examples:
    """`inputs` are uint8 or float32 (n, ...), n texts, or n lists of words.

    `labels` by the target of the task: names of classes, None where unlabeled; sets of names, None where
    unlabeled, or int8 (n, labels) with a row of -1; float (n, outputs), NaN where one is missing; a list
    of tags, one a word, None where unlabeled; of embeddings None. `label_names` are those of the columns
    where one column is one label or number. `rows` number the examples as the source does. `assigned`
    names the split of each example where the source says so. `unreadable` names rows that were left out,
    and why.
    """

    kind: InputKind
    inputs: Inputs
    labels: Labels
    rows: Array
    assigned: Sequence[str | None] | None = None
    unreadable: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    label_names: list[str] | None = None

    def __len__(self) -> int:
        return len(self.rows)


def are_words(inputs: Inputs) -> TypeGuard[list[list[str]]]:
    """Whether texts come in words."""
    return isinstance(inputs, list) and bool(inputs) and isinstance(inputs[0], list)


def chosen(inputs: Inputs, positions: Sequence[int]) -> Any:
    """The inputs at `positions`, as they were."""
    if isinstance(inputs, list):
        return [inputs[position] for position in positions]
    return inputs[positions]


def content_hashes(inputs: Inputs) -> list[bytes]:
    """The sha256 of each example's bytes, by which duplicates are known. Labels are no part of it."""
    if are_words(inputs):
        return [sha256("\0".join(words).encode()).digest() for words in inputs]
    if isinstance(inputs, list):
        return [sha256(str(text).encode()).digest() for text in inputs]
    return [sha256(np.ascontiguousarray(example).tobytes()).digest() for example in inputs]


def label_name(value: Any) -> str | None:
    """A label as text; None where it is empty. A whole number has no decimals: 3.0 is "3"."""
    if value is None:
        return None
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return None
        return str(int(value)) if float(value).is_integer() else str(float(value))
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = str(value).strip()
    return text or None


def sorted_labels(names: set[str]) -> list[str]:
    """The class order of a dataset: by number where all labels are numbers, else by name."""
    try:
        numbers = {name: float(name) for name in names}
    except ValueError:
        return sorted(names)
    if not all(isfinite(number) for number in numbers.values()):
        return sorted(names)  # a NaN has no place among numbers
    return sorted(names, key=lambda name: (numbers[name], name))
