"""Inputs on the local disk, by project and sha256, so that the next job need not fetch them again."""

import os
import shutil
from pathlib import Path

from ledger.files import Store
from worker.hashing import sha256_of

_READ_ONLY = 0o444
_TRIES = 5


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
            self._fetch(sha256, kept)
            try:
                _link(kept, target)
            except FileNotFoundError:  # evicted between the two
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
        files = [(entry.stat(), entry) for entry in self._root.glob("*/*")]
        total = sum(stat.st_size for stat, _ in files)
        for stat, entry in sorted(files, key=lambda file: file[0].st_mtime):
            if total <= self._limit_bytes:
                return
            if stat.st_nlink == 1:
                entry.unlink(missing_ok=True)
                total -= stat.st_size


def _link(kept: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(kept, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one that knows no links
        shutil.copyfile(kept, target)
        target.chmod(_READ_ONLY)
