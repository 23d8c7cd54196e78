"""Files of lines in UTF-8, read so that every fault is named by its line."""

from collections.abc import Iterator
from pathlib import Path

from distill.rejection import Rejected

LONGEST_LINE = 1 << 22
AT_ONCE = 1 << 20


def require_text(path: Path) -> None:
    """Refuse what is no text.

    Raises:
        Rejected: `not_utf8` or `not_text`.
    """
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(AT_ONCE), b""), start=1):
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


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Each line with its number, from 1, without its end.

    Raises:
        Rejected: `bad_line`, where one is longer than any example here.
    """
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), start=1):
            if len(line) > LONGEST_LINE:
                raise Rejected(
                    "bad_line",
                    "data",
                    f"line {number} has more than {LONGEST_LINE:,} characters",
                    "write one example a line",
                    {"line": number},
                )
            yield number, line.rstrip("\n")
