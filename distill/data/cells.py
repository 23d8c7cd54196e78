"""One cell of a table as a label: text of a .csv, or a value of JSON.

What a cell cannot be is a `ValueError` whose message goes on after the place of the cell.
"""

import json
import math
from typing import Any

from distill.data.examples import label_name

Cell = Any
"""A `str`, or what JSON has: numbers, booleans, None, lists and objects."""
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
MOST_LABELS_OF_ONE = 10_000
HUGGING_FACE_IGNORES = -100
TRUE, FALSE = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})
LARGEST_FLOAT32 = 3.4e38


def shown(cell: Cell) -> str:
    """The start of a cell, for a sentence about it."""
    return str(cell)[:40]


def is_missing(cell: Cell) -> bool:
    if isinstance(cell, str):
        return cell.strip().lower() in MISSING
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def number(cell: Cell) -> float:
    """A finite number that float32 holds; NaN where the cell is empty."""
    if is_missing(cell):
        return math.nan
    try:
        value = math.nan if isinstance(cell, list | dict) else float(cell)
    except (ValueError, OverflowError):
        value = math.nan
    if math.isfinite(value) and abs(value) < LARGEST_FLOAT32:
        return value
    raise ValueError(f"'{shown(cell)}' is not a finite number")


def class_of(cell: Cell) -> str | None:
    """The name of a class; None where the cell is empty."""
    if isinstance(cell, list | dict):
        raise ValueError(f"'{shown(cell)}' is not the name of one class")
    return label_name(cell)


def tag_of(cell: Cell) -> str | None:
    """The name of a tag; None where a word has none, as -100 says in Hugging Face's datasets."""
    return None if cell == HUGGING_FACE_IGNORES else class_of(cell)


def label_set(cell: Cell) -> frozenset[str] | None:
    """Names between `|` or `;`, or in a JSON list; None where the cell is empty, `[]` is the empty set."""
    if isinstance(cell, str) and cell.strip().startswith("["):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            raise ValueError(f"'{shown(cell)}' is no list in JSON") from None
    if isinstance(cell, str):
        between = "|" if "|" in cell else ";"
        cell = [part for part in cell.split(between) if part.strip()] or None
    if cell is None or not isinstance(cell, list):
        name = class_of(cell)
        return None if name is None else frozenset({name})
    if len(cell) > MOST_LABELS_OF_ONE:
        raise ValueError(f"{len(cell):,} labels stand in one cell; at most {MOST_LABELS_OF_ONE:,} are read")
    names = [class_of(part) for part in cell]
    if None in names:
        raise ValueError(f"'{shown(cell)}' names a label that is empty")
    return frozenset(name for name in names if name is not None)


def flag(cell: Cell) -> bool | None:
    """Whether the label of a column holds; None where the cell is empty."""
    if is_missing(cell):
        return None
    text = str(label_name(cell)).lower()
    if text in TRUE | FALSE:
        return text in TRUE
    raise ValueError(f"'{shown(cell)}' is neither 0 nor 1")
