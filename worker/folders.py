"""The folder of one attempt: made, locked while its supervisor lives, and removed.

The lock is the sign of life that survives neither the supervisor nor a reboot and needs no pid, so
that containers that share a disk do not take each other's folders for leftovers.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from worker import processes

log = structlog.get_logger(__name__)

_LOCK = "lock"
_PROCESS = "process"


@dataclass(frozen=True)
class Folder:
    """Where one process works. The process may write in `out` (and `tmp`) alone."""

    path: Path

    @property
    def inputs(self) -> Path:
        return self.path / "in"

    @property
    def outputs(self) -> Path:
        return self.path / "out"

    @property
    def log(self) -> Path:
        """What the process writes to descriptors 1 and 2."""
        return self.path / "log.txt"

    def remember(self, pid: int) -> None:
        """Note the process that leads the group, for whoever finds the folder left behind."""
        (self.path / _PROCESS).write_text(f"{pid} {processes.start_time(pid)}")

    def remembered(self) -> tuple[int, int] | None:
        """The noted process and when it started; None where none was."""
        try:
            pid, started = (self.path / _PROCESS).read_text().split()
            return int(pid), int(started)
        except (FileNotFoundError, ValueError):
            return None

    def produced(self, relative: str) -> Path:
        """The file that the process says it wrote to `out`.

        Raises:
            FileNotFoundError: there is no regular file of that name within `out`; what a link
                leads to does not count, for it may lead to what is not the process's own.
        """
        path = self.path / relative
        if path.resolve() != self.outputs.resolve() / Path(relative).relative_to("out"):
            raise FileNotFoundError(f"{relative} is not within out")
        if not path.is_file():
            raise FileNotFoundError(f"{relative} was not written")
        return path


@contextmanager
def made(work_dir: Path, name: str) -> Iterator[Folder]:
    """A new folder under `work_dir`, removed with everything in it at the end of the block."""
    with _alone(work_dir):
        folder = Folder(work_dir / "attempts" / name)
        for place in (folder.inputs, folder.outputs, folder.path / "tmp"):
            place.mkdir(parents=True)
        lock = _open_lock(folder.path)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        try:
            remove(folder.path)
        except OSError as error:
            log.error("folder_stays", folder=str(folder.path), error=str(error))  # until the next start
        finally:
            os.close(lock)


@contextmanager
def abandoned(work_dir: Path) -> Iterator[list[Folder]]:
    """The folders under `work_dir` whose supervisors are dead; nobody makes a new one meanwhile."""
    with _alone(work_dir):
        parent = work_dir / "attempts"
        found = sorted(parent.iterdir()) if parent.exists() else []
        yield [Folder(path) for path in found if not _locked(path)]


def remove(path: Path) -> None:
    """Remove a tree, even where a process has closed folders of its own to their owner."""
    path.chmod(0o700)
    for parent, folders, _ in os.walk(path):
        for folder in folders:
            if not (place := Path(parent, folder)).is_symlink():
                place.chmod(0o700)
    shutil.rmtree(path)


@contextmanager
def _alone(work_dir: Path) -> Iterator[None]:
    """Nobody else makes or clears folders of this `work_dir` during the block."""
    work_dir.mkdir(parents=True, exist_ok=True)
    lock = os.open(work_dir / "attempts.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open_lock(path: Path) -> int:
    return os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)


def _locked(path: Path) -> bool:
    lock = _open_lock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
