"""What an ended process means for its job: a pure judgment of its last word and its exit."""

import errno
import signal
from dataclasses import dataclass
from typing import Literal

from distill.config.events import Event, Failed, Finished, Stopped
from distill.config.folder import Exit
from ledger.errors import StoreFull
from ledger.lifecycle import JobError
from worker.child import Ending

Reason = Literal["cancel", "pause", "drain", "timeout", "stalled"]
"""Why a supervisor asked its child to stop."""
LAST_WORDS = (Finished, Failed, Stopped)


@dataclass(frozen=True)
class Patience:
    """How long a job may take, and how long its process may be silent."""

    max_runtime_s: int
    stalled_after_s: float


@dataclass(frozen=True)
class Succeed:
    finished: Finished


@dataclass(frozen=True)
class Stop:
    wish: Literal["cancel", "pause", "drain"]


@dataclass(frozen=True)
class Fail:
    """The same again would fail again."""

    error: JobError
    exit_kind: str


@dataclass(frozen=True)
class Retry:
    """It broke off through no fault of its user; `error` is told once the attempts are used up."""

    error: JobError
    exit_kind: str


Verdict = Succeed | Stop | Fail | Retry


def judge(ending: Ending, last: Event | None, asked: Reason | None, patience: Patience) -> Verdict:
    """The verdict on an attempt.

    Args:
        last: the last word of the process, if it said one.
        asked: why it was asked to stop, if it was.
    """
    if isinstance(last, Finished) and ending.code == Exit.DONE:
        return Succeed(last)
    if asked is not None and _gave_way(ending, last):
        return stopped_for(asked, patience)
    if isinstance(last, Failed):
        return _failed(last, ending)
    if asked == "cancel":
        return Stop("cancel")
    if ending.signal is not None:
        return Retry(_ran_out_of_memory(), "oom_host") if ending.out_of_memory else _broke_off(ending.signal)
    return _without_a_word(ending.code)


def stopped_for(asked: Reason, patience: Patience) -> Verdict:
    """The verdict where the process stopped as asked, or was not even started."""
    match asked:
        case "timeout":
            return Fail(_timed_out(patience.max_runtime_s), "timeout")
        case "stalled":
            return Fail(_stalled(patience.stalled_after_s), "timeout")
    return Stop(asked)


def not_staged(error: Exception) -> Verdict:
    """The inputs could not be brought to this machine."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full()
    message = f"the inputs of the job could not be staged: {error}"
    hint = "look at the blob store and at the worker's disk, then retry"
    return Retry(JobError("not_staged", "infrastructure", message, hint, retryable=True), "failed")


def not_kept(error: Exception) -> Verdict:
    """The process did its work, and the store would not take it."""
    message = f"the artifacts could not be kept: {error}"
    hint = "look at the blob store; the next attempt goes on from the last checkpoint"
    kind = "disk_full" if isinstance(error, StoreFull) else "failed"
    return Retry(JobError("not_kept", "infrastructure", message, hint, retryable=True), kind)


def not_signed(error: Exception) -> Verdict:
    """The process did its work, and the manifest of it could not be signed."""
    hint = "put the key back where LIMBECK_SIGNING_KEY of the workers says; the next attempt goes on from "
    hint += "the last checkpoint"
    return Retry(JobError("not_signed", "infrastructure", str(error), hint, retryable=True), "failed")


def made_wrong(error: Exception) -> Verdict:
    """A file that the process reported is not there, or not what it said."""
    message = f"the training process reported a file that is not as it said: {error}"
    return Fail(JobError("artifact_wrong", "internal", message), "internal")


def spoke_nonsense(error: Exception) -> Verdict:
    """The process broke the protocol, so that nothing it says can be believed."""
    message = f"the training process broke its protocol: {error}"
    return Fail(JobError("protocol_broken", "internal", message), "internal")


def broke_down(error: Exception) -> Verdict:
    """A fault of the supervisor itself."""
    message = f"the worker failed: {type(error).__name__}: {error}"
    return Retry(JobError("worker_failed", "internal", message, "the worker's log says more"), "internal")


def exit_code(ending: Ending) -> int | None:
    """As Python tells it: the code, or the signal as a negative number."""
    return ending.code if ending.signal is None else -ending.signal


def _gave_way(ending: Ending, last: Event | None) -> bool:
    """It stopped as asked, or we killed it for not stopping."""
    return isinstance(last, Stopped) or (last is None and ending.signal == signal.SIGKILL)


def _failed(failed: Failed, ending: Ending) -> Verdict:
    error = JobError(
        failed.code,
        failed.error_class,
        failed.message,
        failed.hint,
        failed.retryable,
        pointer=failed.details.get("pointer"),
    )
    if failed.error_class == "infrastructure":
        return Retry(error, "disk_full" if ending.code == Exit.DISK_FULL else "failed")
    kinds = {
        Exit.CUDA_OUT_OF_MEMORY: "oom_cuda",
        Exit.DISK_FULL: "disk_full",
        Exit.INTERNAL: "internal",
    }
    by_class = {"internal": "internal", "timeout": "timeout"}.get(failed.error_class, "failed")
    return Fail(error, kinds.get(ending.code if ending.code is not None else Exit.FAILED, by_class))


def _timed_out(max_runtime_s: int) -> JobError:
    return JobError(
        "max_runtime_exceeded",
        "timeout",
        f"the job ran for longer than its limits.max_runtime_s of {max_runtime_s} s",
        hint="its last checkpoint is kept: retry goes on from there for as long again",
    )


def _stalled(stalled_after_s: float) -> JobError:
    return JobError(
        "no_progress",
        "timeout",
        f"the training process said nothing, and wrote nothing to its log, for {stalled_after_s:.0f} s",
        hint="its log says what it did last; retry goes on from its last checkpoint. Where so long a "
        "silence is no fault, raise LIMBECK_STALLED_AFTER of the workers",
    )


def _ran_out_of_memory() -> JobError:
    return JobError(
        "out_of_memory",
        "resource",
        "the kernel killed the training process because the machine was out of memory",
        hint="use a smaller batch_size or student, or a worker with more memory",
        retryable=True,
    )


def _broke_off(number: int) -> Verdict:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    error = JobError(
        "process_died",
        "infrastructure",
        f"the training process was ended by {name}",
        hint="its log may say why; retry, or look at the worker's machine",
        retryable=True,
    )
    return Retry(error, "signal")


def _disk_full() -> Verdict:
    error = JobError(
        "disk_full",
        "infrastructure",
        "the disk of the worker is full",
        hint="free room in the worker's LIMBECK_WORK_DIR, then retry",
        retryable=True,
    )
    return Retry(error, "disk_full")


def _without_a_word(code: int | None) -> Verdict:
    if code == Exit.DISK_FULL:
        return _disk_full()
    if code == Exit.CUDA_OUT_OF_MEMORY:
        error = JobError(
            "cuda_out_of_memory",
            "resource",
            "the GPU has too little memory for this job",
            hint="use a smaller batch_size or student",
        )
        return Fail(error, "oom_cuda")
    error = JobError(
        "process_failed",
        "internal",
        f"the training process ended with exit code {code} before it told a result",
        hint="its log says more",
    )
    return Fail(error, "internal")
