"""`.csv`: one example a line, features or a text, in UTF-8 with a header."""

import csv
import math
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from distill.config.folder import InspectDataset
from distill.data.budget import require_memory
from distill.data.columns import Columns, choose
from distill.data.examples import Examples, label_name
from distill.rejection import Rejected

DELIMITERS = ",;\t|"
LONGEST_CELL = 1 << 20
OBJECTS_BESIDE_BYTES = 6
"""Memory for each byte of text: Python's strings, their lists, and the canonical form."""
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
NAMED_ROWS = 20

Line = tuple[int, list[str]]


def read(path: Path, request: InspectDataset) -> Examples:
    """Features float32 (n, features), or texts. A row that lacks a value is left out and named.

    Raises:
        Rejected: says the line, and the column where it is one cell.
    """
    if request.task == "image-classification":
        raise Rejected(
            "task_mismatch", "user", "a .csv file holds numbers or text, not images", "upload images as .npz"
        )
    require_memory(path.stat().st_size, "the file", copies=OBJECTS_BESIDE_BYTES)
    _require_text(path)
    is_text = request.task == "text-classification"
    lines = _lines(path)
    _, header = next(lines, (0, []))
    if not header:
        raise Rejected("empty_dataset", "data", "the file has no lines", "the first line names the columns")
    split = request.split.get("column")
    columns = choose([name.strip() for name in header], request.columns, is_text=is_text, split=split)
    table = _Table(header, columns)
    for number, cells in lines:
        table.add(number, cells, is_text=is_text)
    return table.examples(is_text=is_text)


class _Table:
    """The rows read so far."""

    def __init__(self, header: Sequence[str], columns: Columns) -> None:
        self.header, self.columns = header, columns
        self.texts: list[str] = []
        self.numbers = array("f")
        self.labels: list[str | None] = []
        self.rows = array("q")
        self.splits: list[str | None] = []
        self.unreadable: list[str] = []
        self.seen = 0

    def add(self, number: int, cells: list[str], *, is_text: bool) -> None:
        if len(cells) != len(self.header):
            raise Rejected(
                "bad_line",
                "data",
                f"line {number} has {len(cells)} cells; the header has {len(self.header)}",
                'put a cell that holds the delimiter between double quotes: "a, b"',
                {"line": number},
            )
        row, self.seen = self.seen, self.seen + 1
        wanted = [cells[at].strip() for at in self.columns.inputs]
        if is_text:
            if not wanted[0]:
                self.unreadable.append(f"line {number}: the text is empty")
                return
            self.texts.append(wanted[0])
        else:
            values = self._values(number, wanted)
            if values is None:
                return
            self.numbers.extend(values)
        self.labels.append(label_name(cells[self.columns.label]))
        self.rows.append(row)
        if self.columns.split is not None:
            self.splits.append(label_name(cells[self.columns.split]))

    def _values(self, number: int, cells: list[str]) -> list[float] | None:
        """The numbers of one line; None, and a note, where one of them is missing."""
        values = []
        for at, cell in zip(self.columns.inputs, cells, strict=True):
            if cell.lower() in MISSING:
                self.unreadable.append(f"line {number}: column '{self.header[at]}' is empty")
                return None
            values.append(self._number(number, at, cell))
        return values

    def _number(self, number: int, at: int, cell: str) -> float:
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if math.isfinite(value) and abs(value) < 3.4e38:
            return value
        raise Rejected(
            "not_a_number",
            "data",
            f"line {number}, column '{self.header[at]}': '{cell[:40]}' is not a finite number",
            "make the column numeric, or leave it out: columns: {features: [...]}",
            {"line": number, "column": self.header[at]},
        )

    def examples(self, *, is_text: bool) -> Examples:
        features = np.array(self.numbers, dtype=np.float32).reshape(-1, len(self.columns.inputs))
        return Examples(
            "text" if is_text else "tabular",
            self.texts if is_text else features,
            self.labels,
            np.array(self.rows, dtype=np.int64),
            self.splits if self.columns.split is not None else None,
            self.unreadable,
            {"columns": [self.header[at] for at in self.columns.inputs]},
        )


def _lines(path: Path) -> Iterator[Line]:
    """Each line with its number in the file; wholly empty ones are passed over."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        delimiter = _delimiter(file.readline())
        file.seek(0)
        before = csv.field_size_limit(LONGEST_CELL)
        try:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            start = 1
            for cells in reader:
                if cells:
                    yield start, cells
                start = reader.line_num + 1
        except csv.Error as error:
            raise Rejected(
                "bad_quoting",
                "data",
                f"the record that starts in line {start} cannot be read: {error}",
                'a quote inside a quoted cell is written twice: "she said ""yes"""',
                {"line": start},
            ) from error
        finally:
            csv.field_size_limit(before)


def _delimiter(header: str) -> str:
    """The one of the usual delimiters that the first line has most of."""
    return max(DELIMITERS, key=lambda delimiter: header.count(delimiter))


def _require_text(path: Path) -> None:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_CELL), b""), start=1):
            try:
                line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise Rejected(
                    "not_utf8",
                    "data",
                    f"the file is not UTF-8: near line {number}, byte 0x{line[error.start]:02x}",
                    "save it as UTF-8",
                    {"line": number},
                ) from error
            if b"\0" in line:
                raise Rejected(
                    "not_text",
                    "data",
                    f"the file is not a table of text: line {number} holds the character NUL",
                    "upload what a spreadsheet saves as CSV in UTF-8",
                    {"line": number},
                )
