"""Examples out of a table, row by row: what `.csv` and `.jsonl` have in common."""

import math
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from distill.config.tasks import Target
from distill.data import cells
from distill.data.cells import Cell
from distill.data.columns import Columns
from distill.data.examples import Examples, Labels, label_name
from distill.rejection import Rejected

LEAVE_OUT = "make the column numeric, or leave it out: columns: {features: [...]}"
NAME_THE_TEXT = "make the column numeric, or name the one of text: columns: {text: ...}"


CHECK_COLUMNS = "check that `columns` names the right column"


class Table:
    """The rows read so far. A row that lacks a value is left out and named."""

    def __init__(self, header: Sequence[str], columns: Columns, target: Target) -> None:
        self.header, self.columns, self.target = header, columns, target
        self.texts: list[str] = []
        self.features = array("f")
        self.labels: list[Any] = []
        self.numbers = array("d")
        self.rows = array("q")
        self.splits: list[str | None] = []
        self.unreadable: list[str] = []
        self.seen = 0

    def add(self, line: int, row: Sequence[Cell]) -> None:
        """One row, in the order of the header.

        Raises:
            Rejected: says the line and the column.
        """
        position, self.seen = self.seen, self.seen + 1
        if not (self._add_text(line, row) if self.columns.kind == "text" else self._add_features(line, row)):
            return
        self._add_label(line, row)
        self.rows.append(position)
        if self.columns.split is not None:
            self.splits.append(self._read(line, self.columns.split, row, cells.class_of))

    def _add_text(self, line: int, row: Sequence[Cell]) -> bool:
        (at,) = self.columns.inputs
        text = row[at]
        if not isinstance(text, str | None):
            raise self._bad("not_text", line, at, f"'{cells.shown(text)}' is no text", None)
        if text is None or not text.strip():
            self.unreadable.append(f"line {line}: the text is empty")
            return False
        self.texts.append(text.strip())
        return True

    def _add_features(self, line: int, row: Sequence[Cell]) -> bool:
        values = [self._number(line, at, row) for at in self.columns.inputs]
        empty = next(
            (at for at, value in zip(self.columns.inputs, values, strict=True) if math.isnan(value)), None
        )
        if empty is not None:
            self.unreadable.append(f"line {line}: column '{self.header[empty]}' is empty")
            return False
        self.features.extend(values)
        return True

    def _add_label(self, line: int, row: Sequence[Cell]) -> None:
        match self.target:
            case "class":
                self.labels.append(self._read(line, self.columns.labels[0], row, cells.class_of))
            case "label_set" if self.columns.listed:
                self.labels.append(self._flags(line, row))
            case "label_set":
                self.labels.append(self._read(line, self.columns.labels[0], row, cells.label_set))
            case "number":
                self.numbers.extend(self._number(line, at, row) for at in self.columns.labels)

    def _flags(self, line: int, row: Sequence[Cell]) -> frozenset[str] | None:
        """The labels whose columns say 1; None where all are empty."""
        flags = {at: self._read(line, at, row, cells.flag) for at in self.columns.labels}
        empty = [at for at, held in flags.items() if held is None]
        if len(empty) == len(flags):
            return None
        if empty:
            raise self._bad("bad_label", line, empty[0], "is empty, others of the same row are not", None)
        return frozenset(self.header[at] for at, held in flags.items() if held)

    def _number(self, line: int, at: int, row: Sequence[Cell]) -> float:
        try:
            return cells.number(row[at])
        except ValueError as error:
            is_feature = at in self.columns.inputs
            hint = "labels of a regression are numbers, or empty: check columns.label"
            if is_feature:
                hint = LEAVE_OUT if self.target == "class" else NAME_THE_TEXT
            raise self._bad("not_a_number", line, at, str(error), hint) from None

    def _read(self, line: int, at: int, row: Sequence[Cell], reader: Callable[[Cell], Any]) -> Any:
        try:
            return reader(row[at])
        except ValueError as error:
            raise self._bad("bad_label", line, at, str(error), CHECK_COLUMNS) from None

    def _bad(self, code: str, line: int, at: int, message: str, hint: str | None) -> Rejected:
        column = self.header[at]
        where = f"line {line}, column '{column[:60]}': {message}"
        return Rejected(code, "data", where, hint, {"line": line, "column": column[:200]})

    def examples(self) -> Examples:
        """All that was read."""
        is_text = self.columns.kind == "text"
        features = np.array(self.features, dtype=np.float32).reshape(-1, len(self.columns.inputs))
        return Examples(
            "text" if is_text else "tabular",
            self.texts if is_text else features,
            self._labels(),
            np.array(self.rows, dtype=np.int64),
            self.splits if self.columns.split is not None else None,
            self.unreadable,
            {"columns": [self.header[at] for at in self.columns.inputs]},
            self._label_names(),
        )

    def _labels(self) -> Labels:
        if self.target == "number":
            return np.array(self.numbers).reshape(-1, len(self.columns.labels))
        return None if self.target == "embedding" else self.labels

    def _label_names(self) -> list[str] | None:
        if self.target == "number" or self.columns.listed:
            return [label_name(self.header[at]) or "" for at in self.columns.labels]
        return None
