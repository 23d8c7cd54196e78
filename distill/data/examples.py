"""What a reader hands over: examples as the source has them, before any is put in a split."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Examples:
    """`inputs` are uint8 or float32 (n, ...), or n texts; `labels` are names, None where unlabeled.

    `rows` number the examples as the source does. `assigned` names the split of each example where
    the source says so. `unreadable` names rows that were left out, and why.
    """

    kind: Literal["image", "tabular", "text"]
    inputs: Array | list[str]
    labels: Sequence[str | None]
    rows: Array
    assigned: Sequence[str | None] | None = None
    unreadable: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)


def content_hashes(inputs: Array | list[str]) -> list[bytes]:
    """The sha256 of each example's bytes, by which duplicates are known. Labels are no part of it."""
    if isinstance(inputs, list):
        return [sha256(text.encode()).digest() for text in inputs]
    return [sha256(np.ascontiguousarray(example).tobytes()).digest() for example in inputs]


def label_name(value: Any) -> str | None:
    """A label as text; None where it is empty. A whole number has no decimals: 3.0 is "3"."""
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
        return sorted(names, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(names)
