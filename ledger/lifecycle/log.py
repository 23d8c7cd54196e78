"""The log of an attempt in the database: whole up to 4 MiB, beyond that its beginning and its end."""

from collections.abc import Iterator

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ledger.database import insert_or_replace
from ledger.lifecycle.hold import Hold
from ledger.tables import Attempt, LogChunk

PIECE = 64 * 2**10
HEAD = TAIL = 2 * 2**20 - PIECE
"""A piece that reaches into either is kept whole."""


def append_log(session: Session, hold: Hold, offset: int, log: bytes) -> int:
    """Keep what is new of `log`, which begins at byte `offset` of the whole; returns the offset
    from which it is new. Only the first and the last part of a long log stay."""
    attempt = session.get_one(Attempt, (hold.id, hold.attempt))
    new_from = max(offset, attempt.log_bytes)
    total = max(attempt.log_bytes, offset + len(log))
    rows = [
        {
            "job_id": hold.id,
            "project_id": attempt.project_id,
            "attempt": hold.attempt,
            "offset": start,
            "bytes": len(piece),
            # PostgreSQL's text cannot hold the character NUL.
            "text": piece.decode("utf-8", errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}"),
        }
        for start, piece in _pieces(new_from, log[new_from - offset :])
        if start < HEAD or start + len(piece) > total - TAIL
    ]
    if rows:
        insert_or_replace(session, LogChunk, rows)
    attempt.log_bytes = total
    if total > HEAD + TAIL:
        session.execute(
            delete(LogChunk).where(
                LogChunk.job_id == hold.id,
                LogChunk.attempt == hold.attempt,
                LogChunk.offset >= HEAD,
                LogChunk.offset + LogChunk.bytes <= total - TAIL,
            )
        )
    return new_from


def _pieces(offset: int, log: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut into at most `PIECE` bytes, and never within a character."""
    while log:
        cut = min(PIECE, len(log))
        while cut < len(log) and cut > PIECE - 4 and log[cut] & 0xC0 == 0x80:
            cut -= 1
        yield offset, log[:cut]
        offset, log = offset + cut, log[cut:]
