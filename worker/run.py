"""The story of one attempt: claim, stage, run the child, keep what it made, finish."""

import time
from contextlib import ExitStack
from dataclasses import dataclass

import structlog

from distill.config.events import PhaseChanged, Warned
from distill.config.folder import StopWish
from ledger import lifecycle
from ledger.errors import BlobDoomed, DatabaseBusy, HoldLost, LedgerError
from ledger.lifecycle import Begun, Claim, Flush, KeptArtifact, Wish
from worker import child as children
from worker import folders, keep, leftovers
from worker.child import Child, Misspoke
from worker.folders import Folder
from worker.lease import Lease
from worker.notebook import Notebook
from worker.place import Place
from worker.pulse import Pulse
from worker.stage import Resumption, stage_job
from worker.verdict import (
    Patience,
    Reason,
    Verdict,
    broke_down,
    exit_code,
    judge,
    not_staged,
    spoke_nonsense,
    stopped_for,
)

log = structlog.get_logger(__name__)


def run_jobs(place: Place) -> None:
    """Run waiting jobs until none is left that this slot may run, or the worker shuts down.

    What slots that died left on this machine is cleared away first.
    """
    leftovers.sweep(place.settings.work_dir)
    while not place.draining():
        claimed_at = time.monotonic()
        claim = _take(place)
        if claim is None:
            return
        with structlog.contextvars.bound_contextvars(job_id=claim.job.id, attempt=claim.hold.attempt):
            log.info("job_claimed", lane=claim.job.lane)
            _run(place, claim, claimed_at)


def _take(place: Place) -> Claim | None:
    with place.sessions.writing() as session:
        claim = lifecycle.claim_next(session, lanes=place.lanes, worker=place.worker, lease_s=place.lease_s)
        if claim is not None:
            staging = PhaseChanged(name="staging", status="running")
            lifecycle.record(session, claim.hold, Flush(phases=(staging,)))
    return claim


def _run(place: Place, claim: Claim, claimed_at: float) -> None:
    """One attempt, from claim to end. Whatever goes wrong in it, it leaves no child and never raises."""

    def renew() -> Wish | None:
        with place.sessions.writing() as session:
            return lifecycle.renew(session, claim.hold, lease_s=place.lease_s)

    name = f"{claim.hold.id}-{claim.hold.attempt}-{claim.hold.token[:8]}"
    with ExitStack() as stack:
        try:
            lease = stack.enter_context(Lease(renew, place.settings, claimed_at=claimed_at))
            folder = stack.enter_context(folders.made(place.settings.work_dir, name))
            notebook = stack.enter_context(Notebook(place, claim, lease, folder))
            attempt = _Attempt(place, claim, claimed_at, lease, folder, notebook)
            attempt.run()
        except HoldLost as lost:
            log.error("job_lost", why=str(lost))
        except Exception as error:
            log.exception("attempt_broke_down")
            keep.give_back(place, claim.hold, broke_down(error))


class _AskedToStop(Exception):
    """Before the process was started, so that there is nobody to tell."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class _Attempt:
    place: Place
    claim: Claim
    claimed_at: float
    lease: Lease
    folder: Folder
    notebook: Notebook
    asked: Reason | None = None
    """Why the child is to stop, if it is."""
    asked_at: float | None = None
    pulse: Pulse | None = None
    """Of the process, once there is one."""

    def run(self) -> None:
        try:
            resumption = stage_job(self.place, self.claim, self.folder, heed=self._heed)
            self._heed()
        except _AskedToStop as asked:
            self._finish(stopped_for(asked.reason, self._patience), code=None)
            return
        except (LedgerError, OSError) as error:
            self._finish(not_staged(error), code=None)
            return
        child = self._start()
        try:
            self.folder.remember(child.pid)
            self._introduce(child, resumption)
            nonsense = self._supervise(child)
        finally:
            child.kill()
            ending = child.reap()
        log.info("process_ended", code=ending.code, signal=ending.signal)
        if not self.lease.held:
            raise HoldLost("the lease ran out, and the process was killed")
        self.notebook.close()
        verdict = nonsense or judge(ending, self.notebook.last_word, self.asked, self._patience)
        self._finish(verdict, code=exit_code(ending))

    def _start(self) -> Child:
        gpu = self.claim.job.gpus > 0
        child = children.start(
            self.place.command("run", self.folder.path),
            folder=self.folder.path,
            environment=self.place.environment(self.folder.path, training=True, gpu=gpu),
            sandbox=self.place.sandbox,
            log=self.folder.log,
            gpu=gpu,
        )
        self.lease.cut_off = child.kill
        return child

    def _introduce(self, child: Child, resumption: Resumption) -> None:
        """Note that the process runs, and how far its job has come already."""
        self.notebook.begin(Begun(pid=child.pid, resumed_from_step=resumption.step))
        self.notebook.hear([PhaseChanged(name="staging", status="done")])
        for id in resumption.damaged:
            message = f"the checkpoint {id} is damaged; an older one is used"
            self.notebook.hear([Warned(code="checkpoint_damaged", message=message)])

    def _supervise(self, child: Child) -> Verdict | None:
        """Read, write down and pass on wishes until the process ends; a verdict if it spoke nonsense."""
        flushed_at = 0.0
        self.pulse = Pulse(self.folder.log)
        try:
            while not child.ended():
                wait = flushed_at + self.place.flush_s - time.monotonic()
                events = child.read(wait, wake=self._wake)
                self.pulse.feel(events)
                self.notebook.hear(events)
                if time.monotonic() - flushed_at >= self.place.flush_s:
                    flushed_at = time.monotonic()
                    self.notebook.flush()
                self._notice_wishes()
                self._pass_on(child)
            self.notebook.hear(child.read(0))
        except Misspoke as nonsense:
            return spoke_nonsense(nonsense)
        return None

    @property
    def _wake(self) -> tuple[int, ...]:
        """What may end a wait for the child's word: the call to drain, until it was heard."""
        return (self.place.drain,) if self.asked is None else ()

    def _heed(self) -> None:
        self._notice_wishes()
        if self.asked is not None:
            raise _AskedToStop(self.asked)

    def _notice_wishes(self) -> None:
        if self.asked is None:
            self.asked = self._wish()

    def _wish(self) -> Reason | None:
        if self.lease.wish is not None:
            return self.lease.wish
        if self.place.draining():
            return "drain"
        ran_s = self.claim.job.running_s + time.monotonic() - self.claimed_at
        if ran_s > self._patience.max_runtime_s:
            return "timeout"
        still_s = self.pulse.still_for() if self.pulse is not None else 0.0
        return "stalled" if still_s > self._patience.stalled_after_s else None

    def _pass_on(self, child: Child) -> None:
        """Ask the process to stop, once; kill it where it does not within the grace."""
        if self.asked is None:
            return
        if self.asked_at is None:
            self.asked_at = time.monotonic()
            log.info("stop_asked", reason=self.asked)
            child.say(StopWish.DRAIN if self.asked in ("timeout", "stalled") else self.asked)
        elif time.monotonic() - self.asked_at > self.place.settings.stop_grace.total_seconds():
            log.warning("stop_grace_over", reason=self.asked)
            child.kill()

    @property
    def _patience(self) -> Patience:
        return Patience(
            max_runtime_s=self.claim.job.resolved_spec["limits"]["max_runtime_s"],
            stalled_after_s=self.place.settings.stalled_after.total_seconds(),
        )

    def _finish(self, verdict: Verdict, *, code: int | None) -> None:
        """Bytes first, rows last, and again where the database or the collector was in the way."""
        verdict, artifacts = self._kept(verdict)
        self.lease.close()
        while self.lease.held:
            try:
                keep.end(self.place, self.claim.hold, verdict, artifacts, code=code)
            except DatabaseBusy as error:
                log.warning("end_delayed", error=str(error))
                time.sleep(self.place.flush_s)
            except BlobDoomed:
                verdict, artifacts = self._kept(verdict)
            else:
                log.info("attempt_ended", verdict=type(verdict).__name__)
                return
        raise HoldLost("the lease ran out before the end was written")

    def _kept(self, verdict: Verdict) -> tuple[Verdict, list[KeptArtifact]]:
        return keep.artifacts_of(self.place, self.claim.hold, self.folder, verdict)
