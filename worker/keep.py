"""The end of an attempt: what it made is in the store before a row says so."""

import re
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from distill.config.events import ArtifactWritten, Finished
from ledger import blobs, lifecycle
from ledger.errors import (
    BlobCorrupt,
    BlobDoomed,
    DatabaseBusy,
    HoldLost,
    SigningKeyUnusable,
    StoreFull,
    StoreUnavailable,
)
from ledger.lifecycle import Hold, KeptArtifact
from ledger.manifest import MANIFEST, SIGNATURE
from worker.folders import Folder
from worker.hashing import sha256_of
from worker.manifest import signed
from worker.place import Place
from worker.verdict import Fail, Retry, Stop, Succeed, Verdict, made_wrong, not_kept, not_signed

log = structlog.get_logger(__name__)

Done = TypeVar("Done")

_DELAYS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Between tries: store or database may be away for so long in all."""
_NAME = re.compile(r"([A-Za-z0-9][\w.+-]*/)?[A-Za-z0-9][\w.+-]*", re.ASCII)
"""Of an artifact: a file, or a file in one folder, that can be written anywhere."""
_OURS = re.compile(r"manifest\.json(\.sig)?|log(-\d+)?\.txt")
_FORMS = {
    MANIFEST: ("json", MANIFEST, "application/json"),
    SIGNATURE: ("signature", SIGNATURE, "application/octet-stream"),
}
"""Format, file name and media type."""


def artifacts_of(
    place: Place, hold: Hold, folder: Folder, verdict: Verdict
) -> tuple[Verdict, list[KeptArtifact]]:
    """Keep the bytes of the log, and of what a success made with its manifest; the verdict that holds then.

    A file that is not as the process said it was fails the job; a store that is away, or a key that
    cannot sign, brings it back to the queue, with its checkpoint.
    """
    kept = _log(place, folder, attempt=hold.attempt)
    if not isinstance(verdict, Succeed):
        return verdict, kept
    made: list[KeptArtifact] = []
    try:
        require_good_names(verdict.finished.artifacts)
        for written in verdict.finished.artifacts:
            file(place, folder, written.path, written.sha256)
            made.append(KeptArtifact.of(written))
        made += _manifest(place, hold, folder, verdict.finished, [*kept, *made])
    except (FileNotFoundError, ValueError, BlobCorrupt) as error:
        return made_wrong(error), kept
    except (StoreUnavailable, StoreFull, BlobDoomed, DatabaseBusy) as error:
        return not_kept(error), kept
    except SigningKeyUnusable as error:
        return not_signed(error), kept
    return verdict, [*kept, *made]


def end(
    place: Place, hold: Hold, verdict: Verdict, artifacts: Sequence[KeptArtifact], *, code: int | None
) -> None:
    """Write the end of the attempt, in one transaction.

    Raises:
        HoldLost: nothing was written.
        BlobDoomed: an artifact's bytes must be kept again first.
        DatabaseBusy: perhaps the next try goes through.
    """
    with place.sessions.writing() as session:
        match verdict:
            case Succeed(finished):
                lifecycle.succeed(session, hold, finished=finished, artifacts=artifacts, exit_code=code)
            case Stop(wish):
                lifecycle.stopped(session, hold, wish=wish, exit_code=code, artifacts=artifacts)
            case Fail(error, exit_kind):
                lifecycle.fail(
                    session, hold, error=error, exit_kind=exit_kind, exit_code=code, artifacts=artifacts
                )
            case Retry(error, exit_kind):
                lifecycle.requeue(
                    session,
                    hold,
                    exit_kind=exit_kind,
                    exit_code=code,
                    counted=True,
                    error=error,
                    delay_s=place.settings.retry_delay.total_seconds(),
                    artifacts=artifacts,
                )


def give_back(place: Place, hold: Hold, verdict: Verdict) -> None:
    """Give up what we could not do, at once if we can; else the sweep does when the lease is over."""
    try:
        end(place, hold, verdict, (), code=None)
    except (HoldLost, DatabaseBusy) as error:
        log.warning("not_given_back", error=str(error))


def file(place: Place, folder: Folder, path: str, sha256: str) -> None:
    """Keep one file that the process wrote to `out`, once it is seen to be what it was said to be.

    The store may have that blob already, perhaps from another project, and would not look at the
    file; to name it without having it must not be enough to get it.

    Raises:
        FileNotFoundError, ValueError, BlobCorrupt: it is not as the process said.
        StoreUnavailable, StoreFull, BlobDoomed, DatabaseBusy: it could not be kept.
    """
    source = folder.produced(path)
    found = sha256_of(source)
    if found != sha256:
        raise BlobCorrupt(f"{source.name} was said to have the sha256 {sha256}, and has {found}")
    _put(place, source, sha256)


def require_good_names(artifacts: Sequence[ArtifactWritten]) -> None:
    """Each has a name of its own that leads nowhere else, and none that the worker gives itself.

    Raises:
        ValueError: one has not.
    """
    taken: set[str] = set()
    for written in artifacts:
        name = written.filename
        if name in taken or _OURS.fullmatch(name) or not _NAME.fullmatch(name):
            raise ValueError(f"an artifact cannot be called {name!r}, or two are")
        taken.add(name)


def _manifest(
    place: Place, hold: Hold, folder: Folder, finished: Finished, artifacts: Sequence[KeptArtifact]
) -> list[KeptArtifact]:
    """Keep the bytes of manifest and signature. (Errors as of `signed` and `file`.)"""
    kept = []
    with tempfile.TemporaryDirectory(dir=folder.path) as scratch:  # not in `out`, where a link may wait
        contents = _patiently(lambda: signed(place, hold, finished, artifacts), MANIFEST)
        for name, content in contents.items():
            path = Path(scratch) / name
            path.write_bytes(content)
            sha256 = sha256_of(path)
            _put(place, path, sha256)
            kept.append(KeptArtifact("manifest", *_FORMS[name], sha256, len(content)))
    return kept


def _put(place: Place, source: Path, sha256: str) -> None:
    size = source.stat().st_size
    put = partial(blobs.keep, place.sessions, place.store, path=source, sha256=sha256, size=size)
    _patiently(put, str(source))


def _patiently(act: Callable[[], Done], what: str) -> Done:
    """Do it, again where store or database was away."""
    for delay_s in _DELAYS_S:
        try:
            return act()
        except (StoreUnavailable, DatabaseBusy) as error:
            log.warning("keep_delayed", what=what, error=str(error))
            time.sleep(delay_s)
    return act()


def _log(place: Place, folder: Folder, *, attempt: int) -> list[KeptArtifact]:
    """The whole log, kept whatever killed the process; the beginning and end are in the database."""
    if not folder.log.exists():
        return []
    sha256, size = sha256_of(folder.log), folder.log.stat().st_size
    try:
        _put(place, folder.log, sha256)
    except (StoreUnavailable, StoreFull, BlobDoomed, DatabaseBusy) as error:
        log.warning("log_not_kept", error=str(error))
        return []
    name = "log.txt" if attempt == 1 else f"log-{attempt}.txt"
    return [KeptArtifact("log", "text", name, "text/plain; charset=utf-8", sha256, size)]
