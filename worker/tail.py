"""New bytes of a growing log, in pieces that a database can take."""

from dataclasses import dataclass
from pathlib import Path

PIECE = 2**20
SKIP_BEYOND = 8 * PIECE
"""A process that writes faster than we keep up: what is between is left out (the file has it)."""


@dataclass
class Tail:
    """Where the reading of a log stands. `offset` is in bytes of the file."""

    path: Path
    offset: int = 0

    def more(self, *, ended: bool = False) -> bytes:
        """The bytes after `offset`, at most 1 MiB, cut between characters; the caller moves on.

        Args:
            ended: nothing will follow, so that half a character is no reason to wait.
        """
        behind = self.path.stat().st_size - self.offset
        if behind > SKIP_BEYOND:
            self.offset += behind - PIECE
        with self.path.open("rb") as file:
            file.seek(self.offset)
            new = file.read(PIECE)
        return new if ended and len(new) < PIECE else _whole_characters(new)


def _whole_characters(text: bytes) -> bytes:
    """Without the beginning of a UTF-8 character whose rest is still to come."""
    for back in range(1, min(4, len(text) + 1)):
        byte = text[-back]
        if byte & 0xC0 == 0x80:  # continues a character
            continue
        length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return text[:-back] if length > back else text
    return text
