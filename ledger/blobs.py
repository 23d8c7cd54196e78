"""Blob before row: bytes are in the store before any row says so, and garbage is collected late.

Keep: upsert `touched_at`, commit, write if absent, then `refer` in the transaction of the row.
Collect: doom, commit, delete the bytes, delete the row. A doomed blob cannot be referred to; who
wants to keep one waits until it is gone, and writes it again.
"""

import time
from collections.abc import Iterable
from pathlib import Path

import structlog
from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from ledger.database import Sessions, clock, insert_or_keep
from ledger.errors import BlobDoomed
from ledger.files import Store
from ledger.tables import Blob, Reference

GRACE_S = 24 * 3600.0
ADOPT_AFTER_S = 120.0
"""A doomed blob that is still there after so long had a collector that died."""

log = structlog.get_logger()


def keep(
    sessions: Sessions,
    store: Store,
    *,
    path: Path,
    sha256: str,
    size: int,
    wait_s: float = 30.0,
) -> None:
    """Put the file's bytes into the store, safe from the collector for a day.

    Raises:
        BlobDoomed: the same bytes are being collected, for longer than `wait_s`.
        StoreFull, StoreUnavailable: they could not be written.
    """
    deadline = time.monotonic() + wait_s
    while True:
        with sessions.writing() as session:
            if _touch(session, sha256, size):
                break
        if time.monotonic() > deadline:
            raise BlobDoomed(sha256)
        time.sleep(0.1)
    if not store.exists(sha256):
        store.put(path, sha256)


def refer(session: Session, owner_id: str, sha256s: Iterable[str]) -> None:
    """The row `owner_id` needs these blobs, from the commit of this transaction on.

    Touching the blob's row makes the collector look again at what it was about to doom.

    Raises:
        BlobDoomed: one of them is being collected, or was never kept.
    """
    for sha256 in sorted(set(sha256s)):  # always in one order, so that two writers cannot deadlock
        found = session.execute(
            update(Blob)
            .where(Blob.sha256 == sha256, Blob.doomed_at.is_(None))
            .values(touched_at=clock())
            .returning(Blob.sha256)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if found is None:
            raise BlobDoomed(sha256)
        insert_or_keep(session, Reference, {"owner_id": owner_id, "sha256": sha256})


def release(session: Session, owner_id: str) -> None:
    """The row `owner_id` needs its blobs no more."""
    session.execute(delete(Reference).where(Reference.owner_id == owner_id))


def collect(sessions: Sessions, store: Store, *, grace_s: float = GRACE_S, limit: int = 100) -> int:
    """Remove up to `limit` blobs that nothing refers to and nobody touched for `grace_s`.

    Returns how many went. What a slow store leaves no time for is the next collector's: it might
    already be gone, and written again, by the time that we come to it.
    """
    began = time.monotonic()
    with sessions.writing() as session:
        doomed = _doom(session, grace_s, limit)
    collected = 0
    for sha256 in doomed:
        if time.monotonic() - began > ADOPT_AFTER_S / 2:
            break
        store.delete(sha256)
        with sessions.writing() as session:
            session.execute(delete(Blob).where(Blob.sha256 == sha256, Blob.doomed_at.is_not(None)))
        collected += 1
    if collected:
        log.info("blobs_collected", count=collected)
    return collected


def _touch(session: Session, sha256: str, size: int) -> bool:
    """Mark the blob as wanted; False where it is doomed."""
    insert_or_keep(session, Blob, {"sha256": sha256, "bytes": size, "touched_at": clock()})
    touched = session.execute(
        update(Blob)
        .where(Blob.sha256 == sha256, Blob.doomed_at.is_(None))
        .values(touched_at=clock())
        .returning(Blob.sha256)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return touched is not None


def _doom(session: Session, grace_s: float, limit: int) -> list[str]:
    """Mark garbage, and what a dead collector left marked, as this collector's to remove."""
    unreferenced = ~select(Reference.sha256).where(Reference.sha256 == Blob.sha256).exists()
    garbage = or_(
        and_(Blob.doomed_at.is_(None), Blob.touched_at <= clock() - grace_s, unreferenced),
        Blob.doomed_at <= clock() - ADOPT_AFTER_S,
    )
    chosen = session.scalars(
        select(Blob.sha256)
        .where(garbage)
        .order_by(Blob.sha256)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    return list(
        session.scalars(
            update(Blob)
            .where(Blob.sha256.in_(chosen), garbage)
            .values(doomed_at=clock())
            .returning(Blob.sha256)
            .execution_options(synchronize_session=False)
        )
    )
