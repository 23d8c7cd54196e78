"""Processes that live no longer than the one that started them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LARGEST_LOG = 20 << 20
_STARTS = 5
_WITHIN_S = 60.0
"""A process that needs a fifth start within a minute is not going to work."""


@dataclass
class Child:
    """One process of the service, with its log; started again when it dies."""

    name: str
    command: list[str]
    folder: Path
    log: Path
    environment: Mapping[str, str]
    descriptors: tuple[int, ...]
    """Inherited: the lock of the home, and for the API the socket that it serves."""
    process: subprocess.Popen[bytes] | None = None
    _starts: deque[float] = field(default_factory=lambda: deque(maxlen=_STARTS))

    def start(self) -> None:
        """Must run in the main thread: the parent-death signal watches the thread that forked."""
        self._starts.append(time.monotonic())
        if self.log.exists() and self.log.stat().st_size > _LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - a program of ours
                self.command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.descriptors,
                # Of its own session, so that Ctrl-C reaches the launcher alone, which stops in order.
                start_new_session=True,
                preexec_fn=tether(),
            )

    def died(self) -> bool:
        """It was started and has ended."""
        return self.process is not None and self.process.poll() is not None

    def keeps_dying(self) -> bool:
        """It was started so often that another start would change nothing."""
        return len(self._starts) == _STARTS and time.monotonic() - self._starts[0] < _WITHIN_S

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def ends_with(self, until: float) -> int | None:
        """Wait for its end, at most until `until` (monotonic), and leave nothing of its group; its
        exit status, None where it was never started."""
        if self.process is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(max(until - time.monotonic(), 0))
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-15:])


def tether() -> Callable[[], None]:
    """For `preexec_fn`: a fresh child asks the kernel to be killed when the thread that forked it ends."""
    if sys.platform != "linux":
        return lambda: None
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask
