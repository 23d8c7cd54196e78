"""`.conll` and `.txt`: a word and its tag in each line, an empty line after each sentence.

The word is the first column and the tag the last, with tabs between them or spaces, as in the files of
CoNLL-2003; a line with a word alone, or with the tag `_` or `?`, has no tag.
"""

from pathlib import Path

from distill.config.folder import InspectDataset
from distill.config.tasks import TASKS
from distill.data.budget import require_memory
from distill.data.examples import Examples
from distill.data.readers.lines import numbered_lines, require_text
from distill.data.readers.words import OBJECTS_BESIDE_BYTES, TaggedTexts
from distill.rejection import Rejected

DOCUMENT = "-DOCSTART-"
NO_TAG = ("_", "?")


def read(path: Path, request: InspectDataset) -> Examples:
    """Sentences in words.

    Raises:
        Rejected: says the line.
    """
    if TASKS[request.task].target != "tag":
        raise Rejected(
            "task_mismatch",
            "user",
            f"a file of words with tags is no dataset for {request.task}",
            "use the task token-classification, or upload .csv",
        )
    if any(request.columns.values()) or request.split.get("column"):
        raise Rejected(
            "unknown_field",
            "user",
            "the columns of a .conll file have no names: the word is the first, the tag the last",
            "leave out columns, or upload .jsonl",
        )
    require_memory(path.stat().st_size, "the file", copies=OBJECTS_BESIDE_BYTES)
    require_text(path)
    texts = TaggedTexts()
    words: list[str] = []
    tags: list[str | None] = []
    start, width = 1, None
    for number, line in numbered_lines(path):
        cells = _cells(line)
        if not cells or cells[0] == DOCUMENT:
            if words:
                texts.add(start, words, tags)
            words, tags = [], []
            continue
        if len(cells) > 1:
            width = width or len(cells)
            _require_width(number, len(cells), width)
        if not words:
            start = number
        words.append(cells[0])
        tags.append(cells[-1] if len(cells) > 1 and cells[-1] not in NO_TAG else None)
    if words:
        texts.add(start, words, tags)
    return texts.examples()


def _cells(line: str) -> list[str]:
    """Of a line with tabs what is between them, since a word may hold a space; else what spaces divide."""
    if "\t" not in line:
        return line.split()
    cells = [cell.strip() for cell in line.split("\t")]
    return cells if any(cells) else []


def _require_width(number: int, width: int, usual: int) -> None:
    if width != usual:
        raise Rejected(
            "bad_line",
            "data",
            f"line {number} has {width} columns; those before have {usual}",
            "write one word a line, its tag in the last column; put tabs between the columns where a word "
            "holds a space",
            {"line": number},
        )
