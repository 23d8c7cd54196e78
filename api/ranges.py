"""Which bytes of a representation a request asks for (RFC 9110, sections 13 and 14)."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(
    r"bytes[ \t]*=[ \t]*(\d{0,19})[ \t]*-[ \t]*(\d{0,19})[ \t]*", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True)
class Slice:
    """Bytes `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start

    def content_range(self, size: int) -> str:
        return f"bytes {self.start}-{self.end - 1}/{size}"


class Unsatisfiable(ValueError):
    """The range is well formed, and no byte of the representation lies in it."""


def slice_of(header: str | None, size: int) -> Slice | None:
    """The slice that a `Range` header names, or None where the whole is to be sent.

    A malformed header, another unit and several ranges at once are answered with the whole, as
    the standard allows.

    Raises:
        Unsatisfiable: answer 416.
    """
    match = _ONE_RANGE.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    first, last = match.groups()
    if first:
        return _from_start(int(first), int(last) if last else None, size)
    return _suffix(int(last), size) if last else None


def _from_start(first: int, last: int | None, size: int) -> Slice | None:
    if last is not None and last < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return Slice(first, size if last is None else min(last + 1, size))


def _suffix(length: int, size: int) -> Slice:
    if length == 0 or size == 0:
        raise Unsatisfiable
    return Slice(max(0, size - length), size)


def names_etag(header: str, etag: str) -> bool:
    """Whether an `If-None-Match` header names `etag` (weak comparison, `*` included)."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or tags == ["*"]
