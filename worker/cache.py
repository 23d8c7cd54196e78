"""Inputs on the local disk, by project and sha256, so that the next job need not fetch them again."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ledger.files import Store
from worker.hashing import sha256_of

_READ_ONLY = 0o444
_TRIES = 5
_ARRIVES_WITHIN_S = 3600.0
"""What was last written to so long ago was left by a process that died."""


class Cache:
    """Shared by every process of a `work_dir`; bounded in size, the longest unused goes first.

    One project never reads what another has fetched: the time that it takes would tell it.
    """

    def __init__(self, root: Path, store: Store, *, limit_bytes: int) -> None:
        self._root = root
        self._store = store
        self._limit_bytes = limit_bytes

    def place(self, project_id: str, sha256: str, target: Path) -> None:
        """Put these bytes at `target`, read-only and verified, as a link where the disk allows it.

        Raises:
            BlobCorrupt, StoreUnavailable: the store does not have them, or not as they were.
            OSError: the disk is full or broken.
        """
        kept = self._root / project_id / sha256
        for _ in range(_TRIES):
            try:
                self._fetch(sha256, kept)
                _link(kept, target)
            except FileNotFoundError:  # evicted by another process meanwhile
                continue
            self._evict()
            return
        self._store.fetch(sha256, target)

    def _fetch(self, sha256: str, kept: Path) -> None:
        if kept.exists() and sha256_of(kept) == sha256:
            os.utime(kept)
            return
        kept.parent.mkdir(parents=True, exist_ok=True)
        arriving = kept.with_name(f".{sha256}.{os.getpid()}")
        try:
            self._store.fetch(sha256, arriving)
            arriving.chmod(_READ_ONLY)
            arriving.replace(kept)
        finally:
            arriving.unlink(missing_ok=True)

    def _evict(self) -> None:
        """Remove the longest unused until the rest fits; what is in use frees no room."""
        files = list(self._files())
        total = sum(stat.st_size for stat, _ in files)
        for stat, entry in sorted(files, key=lambda file: file[0].st_mtime):
            if total <= self._limit_bytes:
                return
            if stat.st_nlink == 1:
                entry.unlink(missing_ok=True)
                total -= stat.st_size

    def _files(self) -> Iterator[tuple[os.stat_result, Path]]:
        """All but what arrives just now."""
        for entry in self._root.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                stat = entry.stat()
                if not entry.name.startswith(".") or time.time() - stat.st_mtime > _ARRIVES_WITHIN_S:
                    yield stat, entry


def _link(kept: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(kept, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(kept, target)
        target.chmod(_READ_ONLY)
