"""The training process as its supervisor sees it: start it, talk to it, read it, reap it.

It leads a process group of its own. Standard input is its stop line and the sign that we live; its
events come through a private pipe; descriptors 1 and 2 are its log. It dies with the thread that
started it, so start it from one that lives as long as the job.
"""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from distill.config.events import EVENT, Event
from distill.config.folder import EVENTS_FD
from worker import oom, processes
from worker.sandbox import Sandbox

_PIPE_BYTES = 2**20
"""So that a child is not held up while we wait for a database."""
_READ_BYTES = 2**16
_LONGEST_LINE = 2**25
_GONE_WITHIN_S = 30.0


class Misspoke(Exception):
    """The process sent what is no event; nothing further that it says is believed."""


class Undead(Exception):
    """A killed process did not go away in time, as one that waits for a broken disk."""


@dataclass(frozen=True)
class Ending:
    """How a process ended: by itself with a code, or by a signal."""

    code: int | None
    signal: int | None
    out_of_memory: bool
    """Killed, and the kernel killed for want of memory meanwhile."""


class Child:
    """One running `python -P -m distill ... FOLDER`, or anything that speaks its protocol."""

    def __init__(self, process: "subprocess.Popen[bytes]", events: int, folder: Path) -> None:
        self.pid = process.pid
        self._process = process
        self._events = events
        self._folder = folder
        self._alive = os.pidfd_open(process.pid)
        self._oom_kills = oom.kills()
        self._unread = b""
        self._killed = False
        self._reaped = False
        self._ending: Ending | None = None
        self._signalling = threading.Lock()

    def read(self, timeout: float, *, wake: Sequence[int] = ()) -> list[Event]:
        """What the process said, waiting up to `timeout` seconds for a first word of it.

        Returns early when it ends or when a descriptor of `wake` turns readable.

        Raises:
            Misspoke: a line is no event.
        """
        awaited = [descriptor for descriptor in (self._events, self._alive, *wake) if descriptor >= 0]
        ready, _, _ = select.select(awaited, [], [], max(0.0, timeout))
        if self._alive in ready:
            return self._rest()
        if self._events in ready:
            self._take()
        return self._parsed()

    def ended(self) -> bool:
        """Whether the process is over; it stays a zombie, and its pid ours, until `reap`."""
        return bool(select.select([self._alive], [], [], 0)[0])

    def say(self, wish: str) -> None:
        """Send a line to its standard input; that it listens no more is no error."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(wish.encode() + b"\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        """Kill the whole group now. Safe from any thread, and more than once."""
        with self._signalling:
            if not self._reaped:  # afterwards the number may be another's
                self._killed = self._killed or not self.ended()
                processes.send_group(self.pid, signal.SIGKILL)

    def reap(self) -> Ending:
        """Kill what is left of the group, wait until every process of it is gone, and tell the end.

        Asked again, it tells the same.

        Raises:
            Undead: something of it still lives after 30 s.
        """
        if self._ending is not None:
            return self._ending
        by_itself = self.ended() and not self._killed
        processes.send_group(self.pid, signal.SIGKILL)
        deadline = time.monotonic() + _GONE_WITHIN_S
        while any(pid != self.pid for pid in processes.group(self.pid)) or not self.ended():
            if time.monotonic() > deadline:
                raise Undead(f"process group {self.pid} is still there {_GONE_WITHIN_S:.0f} s after its kill")
            time.sleep(0.005)
        with self._signalling:
            code = self._process.wait()
            self._reaped = True
        if not processes.kill_inside(self._folder, within_s=_GONE_WITHIN_S):
            raise Undead(f"a process still lives in {self._folder}")
        self._close()
        self._ending = self._told(code, by_itself=by_itself)
        return self._ending

    def _told(self, code: int, *, by_itself: bool) -> Ending:
        # bubblewrap says 128 + n where what it fenced in was killed by signal n
        number = -code if code < 0 else code - 128 if 128 < code <= 128 + signal.NSIG else None
        if number is None:
            return Ending(code, None, out_of_memory=False)
        before, after = self._oom_kills, oom.kills()
        rose = before is not None and after is not None and after > before
        return Ending(None, number, out_of_memory=by_itself and number == signal.SIGKILL and rose)

    def _rest(self) -> list[Event]:
        """Everything that a process said before it ended. (Who it left behind may hold the pipe.)"""
        while self._events >= 0 and select.select([self._events], [], [], 0)[0]:
            self._take()
        return self._parsed()

    def _take(self) -> None:
        received = os.read(self._events, _READ_BYTES)
        if not received:
            os.close(self._events)
            self._events = -1
        self._unread += received
        if len(self._unread) > _LONGEST_LINE and b"\n" not in self._unread:
            raise Misspoke(f"a line is longer than {_LONGEST_LINE} bytes")

    def _parsed(self) -> list[Event]:
        *lines, self._unread = self._unread.split(b"\n")
        try:
            return [EVENT.validate_json(line) for line in lines if line.strip()]
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise Misspoke(f"a line is no event: {first['msg']} at {first['loc']}") from None

    def _close(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        os.close(self._alive)
        if self._events >= 0:
            os.close(self._events)
            self._events = -1


def start(
    command: list[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    sandbox: Sandbox,
    log: Path,
    memory_bytes: int = 0,
    gpu: bool = False,
) -> Child:
    """Start `command` in `folder`, in a process group and a sandbox of its own.

    Args:
        log: a file that gets everything written to descriptors 1 and 2.
        memory_bytes: the address space it may have; 0 for no limit.
        gpu: whether it may see the GPUs of this machine.

    Raises:
        OSError: it cannot be started (too many processes, no memory).
    """
    ours, theirs = os.pipe()
    try:
        with contextlib.suppress(PermissionError):  # its user may have many pipes already
            fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        with log.open("ab") as written:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                sandbox.command(command, folder, supervisor=os.getpid(), memory_bytes=memory_bytes, gpu=gpu),
                cwd=folder,
                env={**environment, EVENTS_FD: str(theirs)},
                stdin=subprocess.PIPE,
                stdout=written,
                stderr=written,
                pass_fds=(theirs,),
                start_new_session=True,
            )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return Child(process, ours, folder)
