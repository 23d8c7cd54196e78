"""Who is alive on this machine, read from `/proc`."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_DEAD = ("Z", "X", "x")
_AFTER_NAME = 3
"""The fields of `/proc/PID/stat` are numbered from 1, and the third follows the name."""
_STATE, _GROUP, _START = 3, 5, 22


def start_time(pid: int) -> int | None:
    """When `pid` started, in clock ticks since boot: with the pid, a name never used twice.

    None where no such process lives; a zombie does not.
    """
    fields = _stat(pid)
    return None if fields is None else int(fields[_START - _AFTER_NAME])


def group(leader: int) -> list[int]:
    """The living members of a process group."""
    return [
        pid
        for pid in _pids()
        if (fields := _stat(pid)) is not None and int(fields[_GROUP - _AFTER_NAME]) == leader
    ]


def inside(folder: Path) -> list[int]:
    """The living processes that name `folder` in their arguments or work in it."""
    place = os.fsencode(folder)
    return [pid for pid in _pids() if _mentions(pid, place) and _stat(pid) is not None]


def kill_inside(folder: Path, *, within_s: float = 10.0) -> bool:
    """Kill whatever still lives in `folder`; whether all of it is gone in time."""
    deadline = time.monotonic() + within_s
    while pids := inside(folder):
        for pid in pids:
            send(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; that nobody is there to get it is no error."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def send_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to a whole process group; that it is empty is no error."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _stat(pid: int) -> list[str] | None:
    """The fields of a living process after its name, which may hold spaces and brackets."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE - _AFTER_NAME] in _DEAD else fields


def _mentions(pid: int, place: bytes) -> bool:
    entry = _PROC / str(pid)
    try:
        if place in (entry / "cmdline").read_bytes():
            return True
        directory = os.fsencode((entry / "cwd").readlink())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return directory == place or directory.startswith(place + b"/")
