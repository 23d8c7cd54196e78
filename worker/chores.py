"""Short work: inspect an upload, plan a job, promote a checkpoint, export a student. One process each,
fenced and bounded."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import structlog

from distill.config.events import (
    ArtifactWritten,
    DatasetInspected,
    Event,
    Failed,
    ModelInspected,
    Planned,
    Promoted,
    StudentExported,
)
from distill.config.folder import InspectDataset, InspectModel
from ledger import lifecycle
from ledger.errors import (
    BlobCorrupt,
    BlobDoomed,
    DatabaseBusy,
    HoldLost,
    StoreFull,
    StoreUnavailable,
)
from ledger.lifecycle import ChoreClaim, KeptArtifact, LateExport, Promotion, Wish
from ledger.workers import list_workers
from worker import child as children
from worker import folders, keep, machine
from worker.child import Child, Ending, Misspoke
from worker.folders import Folder
from worker.lease import Lease
from worker.place import Place
from worker.rejections import crashed, damaged, too_large, took_too_long
from worker.stage import stage_late_export, stage_plan, stage_promotion, stage_upload

log = structlog.get_logger(__name__)

_TICK_S = 0.5
Answer = ModelInspected | DatasetInspected | Planned | Promoted | StudentExported
_ANSWERS: dict[str, type[Answer]] = {
    "inspect_model": ModelInspected,
    "inspect_dataset": DatasetInspected,
    "plan": Planned,
    "promote": Promoted,
    "export": StudentExported,
}
_VERBS = {"plan": "plan", "promote": "promote", "export": "export"}
"""Of `distill`; every other chore is an inspection."""


def run_chores(place: Place) -> None:
    """Do waiting chores until none is left or the worker shuts down."""
    while not place.draining():
        claimed_at = time.monotonic()
        with place.sessions.writing() as session:
            claim = lifecycle.claim_chore(session, worker=place.worker, lease_s=place.lease_s)
        if claim is None:
            return
        with structlog.contextvars.bound_contextvars(chore_id=claim.chore.id, kind=claim.chore.kind):
            log.info("chore_claimed")
            _run(place, claim, claimed_at)


def _run(place: Place, claim: ChoreClaim, claimed_at: float) -> None:
    """One attempt at a chore. Whatever goes wrong in it, it leaves no child and never raises."""

    def renew() -> Wish | None:
        with place.sessions.writing() as session:
            lifecycle.renew_chore(session, claim.hold, lease_s=place.lease_s)
        return None

    name = f"{claim.hold.id}-{claim.hold.attempt}-{claim.hold.token[:8]}"
    with ExitStack() as stack:
        try:
            lease = stack.enter_context(Lease(renew, place.settings, claimed_at=claimed_at))
            folder = stack.enter_context(folders.made(place.settings.work_dir, name))
            _Chore(place, claim, lease, folder).run()
        except HoldLost as lost:
            log.error("chore_lost", why=str(lost))
        except (StoreUnavailable, StoreFull, BlobDoomed, DatabaseBusy, OSError) as error:
            log.warning("chore_put_back", error=str(error))  # none of it is the upload's fault
            _put_back(place, claim, counted=False, delay_s=place.settings.retry_delay.total_seconds())
        except Exception:
            log.exception("chore_broke_down")
            _put_back(place, claim, counted=True, delay_s=place.settings.retry_delay.total_seconds())


def _put_back(place: Place, claim: ChoreClaim, *, counted: bool, delay_s: float = 0.0) -> None:
    try:
        with place.sessions.writing() as session:
            lifecycle.requeue_chore(session, claim.hold, counted=counted, delay_s=delay_s)
    except (HoldLost, DatabaseBusy) as error:
        log.warning("chore_not_put_back", error=str(error))  # the sweep does, when the lease is over


@dataclass
class _Chore:
    place: Place
    claim: ChoreClaim
    lease: Lease
    folder: Folder
    last: Event | None = None

    def run(self) -> None:
        try:
            self._stage()
        except BlobCorrupt as error:
            self._reject(damaged(self.claim.chore.kind, error))
            return
        child = self._start()
        cut: Literal["drain", "timeout", "nonsense"] | None = None
        try:
            self.folder.remember(child.pid)
            cut = self._listen(child)
        finally:
            child.kill()
            ending = child.reap()
        log.info("process_ended", code=ending.code, signal=ending.signal, cut=cut)
        if not self.lease.held:
            raise HoldLost("the lease ran out, and the process was killed")
        if cut == "drain":
            self.lease.close()
            _put_back(self.place, self.claim, counted=False)
        elif cut == "timeout":
            self._reject(took_too_long(self.claim.chore.kind, self.place.settings.inspect_timeout))
        elif isinstance(self.last, Failed):
            self._reject(self.last)
        elif cut is None and ending.code == 0 and isinstance(self.last, _ANSWERS[self.claim.chore.kind]):
            self._finish(self.last)
        else:
            self._reject(self._broke_off(ending))

    def _stage(self) -> None:
        chore = self.claim.chore
        match chore.kind:
            case "inspect_model":
                request = InspectModel.model_validate(chore.request)
                stage_upload(self.place, self.claim, request, self.folder)
            case "inspect_dataset":
                declared = InspectDataset.model_validate(chore.request)
                stage_upload(self.place, self.claim, declared, self.folder)
            case "promote":
                stage_promotion(self.place, Promotion.model_validate(chore.request), self.folder)
            case "export":
                late = LateExport.model_validate(chore.request)
                stage_late_export(self.place, late, chore.project_id, self.folder)
            case _:
                stage_plan(self.place, self.claim, self.folder, memory_bytes=self._largest_memory())

    def _largest_memory(self) -> int:
        """Of the workers that could run the job; ours where none has been heard of."""
        with self.place.sessions.reading() as session:
            workers = [one for one in list_workers(session) if "chores" not in one.lanes]
        ours = self.place.settings.job_memory_bytes or machine.memory_bytes()
        return max((one.memory_bytes for one in workers), default=ours)

    def _start(self) -> Child:
        kind = self.claim.chore.kind
        child = children.start(
            self.place.command(_VERBS.get(kind, "inspect"), self.folder.path),
            folder=self.folder.path,
            environment=self.place.environment(self.folder.path, training=False),
            sandbox=self.place.sandbox,
            log=self.folder.log,
            # A checkpoint or a student is our own, and as large as its job.
            memory_bytes=0 if kind in ("promote", "export") else self.place.settings.inspect_memory_bytes,
        )
        self.lease.cut_off = child.kill
        return child

    def _listen(self, child: Child) -> Literal["drain", "timeout", "nonsense"] | None:
        """Hear the process out; why it has to be cut short, if it has."""
        deadline = time.monotonic() + self.place.settings.inspect_timeout.total_seconds()
        try:
            while not child.ended():
                self._hear(child.read(_TICK_S, wake=[self.place.drain]))
                if self.place.draining():
                    return "drain"
                if time.monotonic() > deadline:
                    return "timeout"
            self._hear(child.read(0))
        except Misspoke as error:
            log.warning("protocol_broken", error=str(error))
            return "nonsense"
        return None

    def _hear(self, events: list[Event]) -> None:
        for event in events:
            self.last = event

    def _broke_off(self, ending: Ending) -> Failed:
        said = self.folder.log.read_text(errors="replace")[-4000:]
        log.warning("inspection_crashed", code=ending.code, signal=ending.signal, said=said)
        if ending.out_of_memory or _wanted_memory(said):
            return too_large(self.claim.chore.kind, self.place.settings.inspect_memory_bytes)
        return crashed(self.claim.chore.kind)

    def _reject(self, failed: Failed) -> None:
        self._require_lease()
        with self.place.sessions.writing() as session:
            lifecycle.reject(session, self.claim.hold, failed)

    def _finish(self, answer: Event) -> None:
        """Bytes first, rows last."""
        try:
            keep.require_good_names(_artifacts(answer))
            for path, sha256 in _files(answer).items():
                keep.file(self.place, self.folder, path, sha256)
        except (FileNotFoundError, ValueError, BlobCorrupt) as error:
            log.warning("answer_wrong", error=str(error))
            self._reject(crashed(self.claim.chore.kind))
            return
        self._require_lease()
        with self.place.sessions.writing() as session:
            match answer:
                case ModelInspected():
                    lifecycle.finish_model(session, self.claim.hold, answer)
                case DatasetInspected():
                    lifecycle.finish_dataset(session, self.claim.hold, answer)
                case Planned():
                    lifecycle.finish_plan(session, self.claim.hold, answer)
                case Promoted(artifact=artifact):
                    lifecycle.finish_promotion(session, self.claim.hold, KeptArtifact.of(artifact))
                case StudentExported(artifacts=artifacts):
                    kept = [KeptArtifact.of(artifact) for artifact in artifacts]
                    lifecycle.finish_late_export(session, self.claim.hold, answer, kept)

    def _require_lease(self) -> None:
        if not self.lease.held:
            raise HoldLost("the lease ran out before the end was written")
        self.lease.close()


def _artifacts(answer: Event) -> list[ArtifactWritten]:
    """What its user will find under names that the process gave."""
    match answer:
        case Promoted(artifact=artifact):
            return [artifact]
        case StudentExported(artifacts=artifacts):
            return artifacts
    return []


def _files(answer: Event) -> dict[str, str]:
    """Path -> sha256 of everything that an answer refers to."""
    match answer:
        case ModelInspected():
            return {f"out/{name}": sha256 for name, sha256 in answer.network.files.items()}
        case DatasetInspected():
            splits = {f"out/{split.file}": split.sha256 for split in answer.dataset.splits.values()}
            return {**splits, **{table["path"]: table["sha256"] for table in answer.tables.values()}}
        case Promoted(artifact=artifact):
            return {artifact.path: artifact.sha256}
        case StudentExported(artifacts=artifacts):
            return {artifact.path: artifact.sha256 for artifact in artifacts}
    return {}


def _wanted_memory(said: str) -> bool:
    """Whether the last words of a process are about memory that it did not get."""
    return any(sign in said for sign in ("MemoryError", "can't allocate memory", "bad_alloc"))
