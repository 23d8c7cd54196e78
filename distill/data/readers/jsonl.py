"""`.jsonl`: one JSON object a line, whose fields are the columns of a table; or words with their tags."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distill.config.folder import InspectDataset
from distill.config.tasks import TASKS
from distill.data import cells
from distill.data.budget import require_memory
from distill.data.columns import Columns, choose
from distill.data.examples import Examples
from distill.data.readers.lines import numbered_lines, require_text
from distill.data.readers.table import Table
from distill.data.readers.words import OBJECTS_BESIDE_BYTES, TaggedTexts
from distill.rejection import Rejected

MOST_FIELDS = 10_000

Record = dict[str, Any]


def read(path: Path, request: InspectDataset) -> Examples:
    """Features float32 (n, features), texts, or texts in words. What lacks a value is left out and named.

    Raises:
        Rejected: says the line, and the column where it is one cell.
    """
    facts = TASKS[request.task]
    if facts.inputs == ("image",):
        raise Rejected(
            "task_mismatch",
            "user",
            "a .jsonl file holds numbers or text, not images",
            "upload images as .npz",
        )
    require_memory(path.stat().st_size, "the file", copies=OBJECTS_BESIDE_BYTES)
    require_text(path)
    header = _fields(path)
    columns = choose(header, request)
    if facts.target == "tag":
        return _tagged(path, header, columns)
    table = Table(header, columns, facts.target)
    for number, record in _records(path):
        table.add(number, [record.get(name) for name in header])
    return table.examples()


def _tagged(path: Path, header: list[str], columns: Columns) -> Examples:
    (text,), (label,) = columns.inputs, columns.labels
    texts = TaggedTexts()
    for number, record in _records(path):
        words = _words(number, header[text], record.get(header[text]))
        tags = record.get(header[label])
        known = [None] * len(words) if tags is None else _tags(number, header[label], tags)
        split = None
        if columns.split is not None:
            split = cells.class_of(str(record.get(header[columns.split]) or ""))
        texts.add(number, words, known, split=split)
    return texts.examples()


def _words(number: int, field: str, words: Any) -> list[str]:
    if words is None:
        return []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise _bad(
            number, f"'{field[:60]}' is no list of words", f'for example {{"{field[:60]}": ["a", "b"]}}'
        )
    return words


def _tags(number: int, field: str, tags: Any) -> list[str | None]:
    if not isinstance(tags, list):
        raise _bad(number, f"'{field[:60]}' is no list of tags", "give one tag for each word")
    try:
        return [cells.tag_of(tag) for tag in tags]
    except ValueError as error:
        raise _bad(number, f"in '{field[:60]}', {error}", "give one tag for each word") from None


def _fields(path: Path) -> list[str]:
    """The names of all fields, in the order in which they first occur."""
    names: dict[str, None] = {}
    for number, record in _records(path):
        names.update(dict.fromkeys(record))
        if len(names) > MOST_FIELDS:
            raise _bad(
                number,
                f"the lines up to here have more than {MOST_FIELDS:,} different fields",
                "name them alike",
            )
    if not names:
        raise Rejected("empty_dataset", "data", "the file holds no examples", "write one JSON object a line")
    return list(names)


def _records(path: Path) -> Iterator[tuple[int, Record]]:
    """The object of each line with its number; empty lines are passed over."""
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _bad(number, f"is no JSON: {str(error)[:100]}", "write one JSON object a line") from None
        if not isinstance(record, dict):
            raise _bad(number, "is no JSON object", 'for example {"text": "...", "label": "..."}')
        if "\\u" in line:
            _require_characters(number, record)
        yield number, record


def _require_characters(number: int, record: Record) -> None:
    """What JSON may escape and text may not hold: NUL, and halves of a character."""
    waiting: list[Any] = [record]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and ("\0" in value or not _is_whole(value)):
            raise _bad(number, "holds an escaped NUL or half of a character", "leave it out", code="not_text")


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bad(number: int, message: str, hint: str, *, code: str = "bad_line") -> Rejected:
    return Rejected(code, "data", f"line {number}: {message}", hint, {"line": number})
