"""The command line of the training process, as a supervisor meets it."""

import errno
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from distill.__main__ import _ending, main
from distill.config.events import EVENT, CheckpointWritten, Event, Failed, PhaseChanged, Progressed, Stopped
from distill.config.folder import EVENTS_FD, Exit
from tests.distill.conftest import Inspected
from tests.distill.folders import stage
from tests.distill.jobs import small

ENDLESS: dict[str, Any] = {"steps": 1_000_000, "batch_size": 8}


class Process:
    """A training process with its private channel for events, as a worker starts it."""

    def __init__(self, folder: Path) -> None:
        read, write = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "distill", "run", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            pass_fds=[write],
            env={**os.environ, EVENTS_FD: str(write), "OMP_NUM_THREADS": "1"},
        )
        os.close(write)
        self.events = os.fdopen(read, "rb")

    def next_event(self, kind: type[Event]) -> Event:
        """Wait for an event of one kind."""
        for line in self.events:
            if isinstance(event := EVENT.validate_json(line), kind):
                return event
        raise AssertionError(f"the process ended without an event {kind.__name__}")

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.events.close()


@pytest.fixture
def endless(tmp_path: Path, digits: Inspected) -> Path:
    """A job that would train for hours."""
    return stage(tmp_path / "job", small(training=ENDLESS), digits.dataset, digits.splits)


def test_a_line_on_standard_input_stops_the_process_after_a_checkpoint(endless: Path) -> None:
    with Process(endless) as child:
        child.next_event(Progressed)
        while child.next_event(PhaseChanged) != PhaseChanged(name="training", status="running"):
            pass
        child.next_event(Progressed)
        assert child.process.stdin is not None
        child.process.stdin.write(b"nonsense\npause\n")
        child.process.stdin.flush()
        checkpoint = child.next_event(CheckpointWritten)
        stopped = child.next_event(Stopped)
        code = child.process.wait()

    assert isinstance(checkpoint, CheckpointWritten)
    assert checkpoint.run == "student"
    assert (endless / checkpoint.path).stat().st_size == checkpoint.bytes
    assert stopped == Stopped(wish="pause")
    assert code == Exit.STOPPED


def test_the_end_of_standard_input_ends_the_process_at_once(endless: Path) -> None:
    with Process(endless) as child:
        child.next_event(Progressed)
        assert child.process.stdin is not None
        child.process.stdin.close()
        child.process.stdin = None

        assert child.process.wait(timeout=20) == Exit.INTERNAL


def test_without_a_supervisor_a_job_runs_by_hand(tmp_path: Path, digits: Inspected) -> None:
    folder = stage(tmp_path / "job", small(), digits.dataset, digits.splits)

    ran = subprocess.run(
        [sys.executable, "-P", "-m", "distill", "run", str(folder)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    assert ran.returncode == Exit.DONE, ran.stderr.decode()
    events = [EVENT.validate_json(line) for line in ran.stdout.splitlines()]
    assert events[-1].type == "finished"


def test_a_terminal_is_no_supervisor() -> None:
    controller, terminal = pty.openpty()
    program = (
        "import time; from distill.channel import StopLine; stop = StopLine(); "
        "import threading; print([thread.name for thread in threading.enumerate()])"
    )

    ran = subprocess.run([sys.executable, "-c", program], stdin=terminal, capture_output=True, text=True)
    os.close(controller)
    os.close(terminal)

    assert ran.stdout.strip() == "['MainThread']"


def test_a_rejected_job_says_why_and_fails(
    tmp_path: Path, digits: Inspected, capfd: pytest.CaptureFixture[str], by_hand: None
) -> None:
    document = small(student={"architecture": "mlp", "config": {"depth": 3, "width": 900_000}})
    folder = stage(tmp_path / "job", document, digits.dataset, digits.splits)

    code = main(["run", str(folder)])

    last = EVENT.validate_json(capfd.readouterr().out.splitlines()[-1])
    assert code == Exit.FAILED
    assert isinstance(last, Failed)
    assert last.code == "student_too_large"


def test_an_error_that_nobody_foresaw_is_a_sentence_and_a_traceback_in_the_log(
    tmp_path: Path, digits: Inspected, capfd: pytest.CaptureFixture[str], by_hand: None
) -> None:
    folder = stage(tmp_path / "job", small(), digits.dataset, digits.splits)
    (folder / "in" / "dataset" / "train.safetensors").unlink()

    code = main(["run", str(folder)])

    said = capfd.readouterr()
    last = EVENT.validate_json(said.out.splitlines()[-1])
    assert code == Exit.INTERNAL
    assert isinstance(last, Failed)
    assert last.error_class == "internal"
    assert "Traceback" in said.err
    assert "Traceback" not in last.message


@pytest.mark.parametrize(
    ("error", "code", "name", "blamed"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), Exit.CUDA_OUT_OF_MEMORY, "gpu_memory", "resource"),
        (MemoryError(), Exit.FAILED, "memory", "resource"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), Exit.FAILED, "memory", "resource"),
        (OSError(errno.ENOSPC, "No space left"), Exit.DISK_FULL, "disk_full", "infrastructure"),
        (ValueError("No space left on device (os error 28)"), Exit.DISK_FULL, "disk_full", "infrastructure"),
    ],
)
def test_a_lack_of_something_is_told_as_such(error: Exception, code: int, name: str, blamed: str) -> None:
    exit_code, event = _ending(error)

    assert exit_code == code
    assert (event.code, event.error_class) == (name, blamed)


@pytest.mark.parametrize("arguments", [[], ["run"], ["fly", "somewhere"], ["run", "/nonexistent"]])
def test_wrong_usage_is_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == Exit.USAGE
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_request_for_something_else_is_wrong_usage(tmp_path: Path, digits: Inspected) -> None:
    folder = stage(tmp_path / "job", small(), digits.dataset, digits.splits)

    assert main(["plan", str(folder)]) == Exit.USAGE


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No supervisor holds this test's standard input."""
    monkeypatch.delenv(EVENTS_FD, raising=False)
    monkeypatch.setattr("distill.channel._is_pipe_or_file", lambda: False)
