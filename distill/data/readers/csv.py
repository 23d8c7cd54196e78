"""`.csv`: one example a line, features or a text, in UTF-8 with a header."""

import csv
from collections.abc import Iterator
from pathlib import Path

from distill.config.folder import InspectDataset
from distill.config.tasks import TASKS
from distill.data.budget import require_memory
from distill.data.columns import choose
from distill.data.examples import Examples
from distill.data.readers.lines import require_text
from distill.data.readers.table import Table
from distill.rejection import Rejected

DELIMITERS = ",;\t|"
LONGEST_CELL = 1 << 20
OBJECTS_BESIDE_BYTES = 6
"""Memory for each byte of text: Python's strings, their lists, and the canonical form."""

Line = tuple[int, list[str]]


def read(path: Path, request: InspectDataset) -> Examples:
    """Features float32 (n, features), or texts. A row that lacks a value is left out and named.

    Raises:
        Rejected: says the line, and the column where it is one cell.
    """
    facts = TASKS[request.task]
    if facts.inputs == ("image",):
        raise Rejected(
            "task_mismatch", "user", "a .csv file holds numbers or text, not images", "upload images as .npz"
        )
    if facts.target == "tag":
        raise Rejected(
            "task_mismatch",
            "user",
            "a .csv file holds one text in a cell, not its words with their tags",
            "upload .jsonl with tokens and tags in each line, or .conll with a word and its tag in each line",
        )
    require_memory(path.stat().st_size, "the file", copies=OBJECTS_BESIDE_BYTES)
    require_text(path)
    lines = _lines(path)
    _, header = next(lines, (0, []))
    if not header:
        raise Rejected("empty_dataset", "data", "the file has no lines", "the first line names the columns")
    header = [name.strip() for name in header]
    table = Table(header, choose(header, request), facts.target)
    for number, cells in lines:
        if len(cells) != len(header):
            raise Rejected(
                "bad_line",
                "data",
                f"line {number} has {len(cells)} cells; the header has {len(header)}",
                'put a cell that holds the delimiter between double quotes: "a, b"',
                {"line": number},
            )
        table.add(number, cells)
    return table.examples()


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
