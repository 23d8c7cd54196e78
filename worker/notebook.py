"""What an attempt has told and the ledger does not know yet; written down about once a second."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

import structlog

from distill.config.events import (
    CheckpointWritten,
    Event,
    Measured,
    PhaseChanged,
    Progressed,
    Resolved,
    Warned,
)
from ledger import lifecycle
from ledger.errors import BlobCorrupt, BlobDoomed, DatabaseBusy, HoldLost, LedgerError
from ledger.lifecycle import Begun, Claim, Flush
from worker import keep
from worker.folders import Folder
from worker.lease import Lease
from worker.place import Place
from worker.tail import Tail
from worker.verdict import LAST_WORDS

log = structlog.get_logger(__name__)


@dataclass
class _Page:
    """What the next flush will say, beside checkpoint and log."""

    begun: Begun | None = None
    phases: list[PhaseChanged] = field(default_factory=list)
    progress: Progressed | None = None
    metrics: list[Measured] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    resolved: Resolved | None = None


class Notebook:
    """Hears events, keeps the bytes of checkpoints in a thread, and flushes all of it, fenced."""

    def __init__(self, place: Place, claim: Claim, lease: Lease, folder: Folder) -> None:
        self.last_word: Event | None = None
        self._place = place
        self._hold = claim.hold
        self._last_event = claim.job.last_event
        self._unanswered: Flush | None = None
        self._lease = lease
        self._folder = folder
        self._page = _Page()
        self._tail = Tail(folder.log)
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="checkpoint-keeper")
        self._keeping: tuple[CheckpointWritten, Future[None]] | None = None
        self._newest: CheckpointWritten | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.shutdown(wait=False, cancel_futures=True)

    def begin(self, begun: Begun) -> None:
        """Note that the process runs."""
        self._page.begun = begun

    def hear(self, events: list[Event]) -> None:
        """Note what the process said. Of several checkpoints that wait, only the newest counts."""
        for event in events:
            match event:
                case PhaseChanged():
                    self._page.phases.append(event)
                case Progressed():
                    self._page.progress = event
                case Measured():
                    self._page.metrics.append(event)
                case Warned():
                    self._page.warnings.append(event)
                case Resolved():
                    self._page.resolved = event
                case CheckpointWritten():
                    self._newest = event
                case _ if isinstance(event, LAST_WORDS):
                    self.last_word = event
        self._keep_newest()

    def flush(self, *, ended: bool = False) -> bool:
        """Write down all that is new, and renew the lease with it. Whether it went through.

        What got no answer is sent again as it was, for it may be written already. Where nothing is
        new, one read tells what the user wishes.

        Raises:
            HoldLost: nothing may be written any more.
        """
        flush = self._unanswered or self._pending(ended=ended)
        if not self._lease.held:
            raise HoldLost("the lease ran out")
        try:
            if not _is_empty(flush):
                self._write(flush)
            elif not ended:
                self._look()
        except HoldLost:
            self._lease.lose("the ledger has given the job away")
            raise
        except BlobDoomed:
            self._newest, self._keeping = self._newest or flush.checkpoint, None
            self._unanswered = None
            return False
        except DatabaseBusy as error:
            log.warning("flush_delayed", error=str(error))
            return False
        return True

    def close(self) -> None:
        """Write down everything, the end of the log and the last checkpoint included.

        Returns when it is done, however long that takes while the lease is held.

        Raises:
            HoldLost: nothing may be written any more.
        """
        while True:
            if not self.flush(ended=True):
                time.sleep(self._place.flush_s)
            elif self._keeping is not None:
                self._keeping[1].exception()  # waits
            elif self._newest is None and _is_empty(self._pending(ended=True)):
                return
            self._keep_newest()

    def _write(self, flush: Flush) -> None:
        sent_at, self._unanswered = time.monotonic(), flush
        with self._place.sessions.writing() as session:
            last_event = lifecycle.record(session, self._hold, flush)
            wish = lifecycle.renew(session, self._hold, lease_s=self._place.lease_s)
        self._lease.renewed(sent_at, wish)
        self._last_event, self._unanswered = last_event, None
        self._turn_page(flush)

    def _look(self) -> None:
        with self._place.sessions.reading() as session:
            self._lease.hear(lifecycle.look(session, self._hold))

    def _pending(self, *, ended: bool) -> Flush:
        new = self._tail.more(ended=ended)
        return Flush(
            after=self._last_event,
            begun=self._page.begun,
            phases=tuple(self._page.phases),
            progress=self._page.progress,
            metrics=tuple(self._page.metrics),
            warnings=tuple(self._page.warnings),
            resolved=self._page.resolved,
            checkpoint=self._kept_checkpoint(),
            log_offset=self._tail.offset,
            log=new,
        )

    def _turn_page(self, flush: Flush) -> None:
        """Forget what was written; what was heard meanwhile stays."""
        page = self._page
        page.begun = None
        page.phases = page.phases[len(flush.phases) :]
        page.metrics = page.metrics[len(flush.metrics) :]
        page.warnings = page.warnings[len(flush.warnings) :]
        page.progress = None if page.progress is flush.progress else page.progress
        page.resolved = None if page.resolved is flush.resolved else page.resolved
        self._tail.offset += len(flush.log)
        if flush.checkpoint is not None:
            self._keeping = None

    def _keep_newest(self) -> None:
        """Copy the newest checkpoint into the store, one at a time, while training goes on."""
        if self._newest is None or self._keeping is not None:
            return
        written, self._newest = self._newest, None
        keeping = self._keeper.submit(keep.file, self._place, self._folder, written.path, written.sha256)
        self._keeping = (written, keeping)

    def _kept_checkpoint(self) -> CheckpointWritten | None:
        """The checkpoint whose bytes are safe and whose row is due. One that failed is let go."""
        if self._keeping is None or not self._keeping[1].done():
            return None
        written, keeping = self._keeping
        error = keeping.exception()
        if error is None:
            return written
        if not isinstance(error, (LedgerError, OSError, ValueError)):
            raise error
        log.warning("checkpoint_not_kept", error=str(error), path=written.path)
        self._keeping = None
        if not isinstance(error, (BlobCorrupt, FileNotFoundError)):  # its process wrote another since
            message = f"a checkpoint could not be kept: {error}"
            self._page.warnings.append(Warned(code="checkpoint_not_kept", message=message))
        return None


def _is_empty(flush: Flush) -> bool:
    return flush == Flush(after=flush.after, log_offset=flush.log_offset)
