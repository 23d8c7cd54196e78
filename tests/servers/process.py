"""A server process in a short folder of its own, which ends with the process that started it."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

START_WITHIN_S = 60.0
STOP_WITHIN_S = 15.0
_PREFIX = "lmb-"
_FRESH_S = 60.0
"""A folder may be so old before its lock is taken, and servers so slow to end after their process."""


class Unavailable(Exception):
    """No such server is installed on this machine."""


class Folder:
    """A temporary folder with a name so short that a socket in it stays below 108 bytes.

    It is locked while the process that made it lives; so whoever makes the next one can tell, and
    clears away, what a killed test run left behind.
    """

    def __init__(self, within: Path = Path("/tmp")) -> None:
        _clear_abandoned(within)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=within))
        self._lock = os.open(self.path, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def give_to(self, user: str) -> None:
        shutil.chown(self.path, user=user)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _clear_abandoned(within: Path) -> None:
    for folder in within.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or gone meanwhile
            if time.time() - folder.stat().st_mtime < _FRESH_S:
                continue
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


class Server:
    """Runs `command` until `stop()`, or until this process is gone, however it went."""

    def __init__(self, command: Sequence[str], *, log: Path, ready: Callable[[], bool]) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*ends_with_parent(), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=log.parent,
                start_new_session=True,  # Ctrl-C is for pytest, which then stops the server
            )
        self._wait(ready)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self._process.args!r} did not start:\n{self._log.read_text()}")
            time.sleep(0.02)


def ends_with_parent() -> list[str]:
    """What a command begins with that is to end when this process does, however that ends."""
    if shutil.which("setpriv") is None:
        return []
    return ["setpriv", "--pdeathsig", "INT", "--"]


def runs_as_root() -> bool:
    return os.geteuid() == 0


def everyone_may_run(program: Path) -> bool:
    """Whether another user can reach and start `program`."""
    way = [program, *program.parents]
    return all(part.stat().st_mode & 0o001 for part in way)
