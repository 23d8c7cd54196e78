import errno
import signal
from typing import Literal

import pytest

from distill.config.events import Failed, Finished, Stopped
from distill.config.folder import Exit
from ledger.errors import StoreFull, StoreUnavailable
from worker.child import Ending
from worker.verdict import (
    Fail,
    Patience,
    Reason,
    Retry,
    Stop,
    Succeed,
    judge,
    not_kept,
    not_staged,
    stopped_for,
)

PATIENCE = Patience(max_runtime_s=60, stalled_after_s=1800)
FINISHED = Finished(result={}, conclusion="no_gate", artifacts=[], student=None, environment={})


def ended(code: int | None = None, number: int | None = None, *, out_of_memory: bool = False) -> Ending:
    return Ending(code, number, out_of_memory)


def failed(error_class: str, **changes: object) -> Failed:
    return Failed.model_validate({"code": "x", "error_class": error_class, "message": "m", **changes})


def verdict(ending: Ending, last: object = None, asked: Reason | None = None) -> object:
    return judge(ending, last, asked, PATIENCE)  # type: ignore[arg-type]  # any event


def test_a_result_and_a_clean_exit_are_a_success_even_when_a_stop_came_too_late() -> None:
    assert verdict(ended(0), FINISHED) == Succeed(FINISHED)
    assert verdict(ended(0), FINISHED, "cancel") == Succeed(FINISHED)


def test_a_result_before_a_crash_is_no_success() -> None:
    assert isinstance(verdict(ended(None, signal.SIGSEGV), FINISHED), Retry)


@pytest.mark.parametrize("asked", ["cancel", "pause", "drain"])
@pytest.mark.parametrize("killed", [False, True], ids=["as asked", "when its grace was over"])
def test_a_stop_is_a_stop(asked: Literal["cancel", "pause", "drain"], killed: bool) -> None:
    ending = ended(None, signal.SIGKILL) if killed else ended(Exit.STOPPED)
    last = None if killed else Stopped(wish="drain")
    assert verdict(ending, last, asked) == Stop(asked)


def test_a_stop_that_nobody_asked_for_is_a_fault_of_ours() -> None:
    result = verdict(ended(Exit.STOPPED), Stopped(wish="drain"))
    assert isinstance(result, Fail)
    assert result.error.error_class == "internal"


@pytest.mark.parametrize(("asked", "kind"), [("pause", "signal"), ("drain", "signal")])
def test_a_crash_while_stopping_is_a_crash(asked: Reason, kind: str) -> None:
    result = verdict(ended(None, signal.SIGSEGV), None, asked)
    assert isinstance(result, Retry)
    assert result.exit_kind == kind


def test_a_cancelled_job_is_cancelled_however_it_crashed() -> None:
    assert verdict(ended(None, signal.SIGSEGV), None, "cancel") == Stop("cancel")


@pytest.mark.parametrize("error_class", ["user", "data", "resource", "internal", "timeout"])
def test_a_failure_is_final(error_class: str) -> None:
    result = verdict(ended(Exit.FAILED), failed(error_class))
    assert isinstance(result, Fail)
    assert result.error.error_class == error_class


def test_unless_it_is_the_infrastructures() -> None:
    result = verdict(ended(Exit.FAILED), failed("infrastructure"))
    assert isinstance(result, Retry)


@pytest.mark.parametrize(
    ("ending", "last", "kind"),
    [
        (ended(Exit.CUDA_OUT_OF_MEMORY), failed("resource"), "oom_cuda"),
        (ended(Exit.CUDA_OUT_OF_MEMORY), None, "oom_cuda"),
        (ended(Exit.DISK_FULL), failed("infrastructure"), "disk_full"),
        (ended(Exit.DISK_FULL), None, "disk_full"),
        (ended(None, signal.SIGKILL, out_of_memory=True), None, "oom_host"),
        (ended(None, signal.SIGKILL), None, "signal"),
        (ended(None, 63), None, "signal"),
        (ended(Exit.INTERNAL), failed("internal"), "internal"),
        (ended(Exit.INTERNAL), None, "internal"),
        (ended(0), None, "internal"),
        (ended(Exit.FAILED), failed("user"), "failed"),
    ],
)
def test_how_it_ended_has_a_name(ending: Ending, last: Failed | None, kind: str) -> None:
    result = verdict(ending, last)
    assert isinstance(result, Fail | Retry)
    assert result.exit_kind == kind


def test_memory_that_ran_out_says_what_to_do() -> None:
    result = verdict(ended(None, signal.SIGKILL, out_of_memory=True))
    assert isinstance(result, Retry)
    assert result.error.error_class == "resource"
    assert result.error.hint is not None
    assert "batch_size" in result.error.hint


def test_a_job_past_its_time_is_a_timeout_whether_it_was_started_or_not() -> None:
    for result in (
        verdict(ended(Exit.STOPPED), Stopped(wish="drain"), "timeout"),
        stopped_for("timeout", PATIENCE),
    ):
        assert isinstance(result, Fail)
        assert (result.exit_kind, result.error.error_class) == ("timeout", "timeout")
        assert "60 s" in result.error.message


def test_a_full_disk_or_store_is_told_as_such() -> None:
    for result in (not_staged(OSError(errno.ENOSPC, "full")), not_kept(StoreFull("full"))):
        assert isinstance(result, Retry)
        assert result.exit_kind == "disk_full"
    for result in (not_staged(StoreUnavailable("away")), not_kept(StoreUnavailable("away"))):
        assert isinstance(result, Retry)
        assert result.error.error_class == "infrastructure"
