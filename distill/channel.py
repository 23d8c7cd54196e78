"""The two wires to the supervisor: events go out, one wish to stop comes in."""

import os
import stat
import sys
import threading
from typing import Literal, get_args

from distill.config.events import Event
from distill.config.folder import EVENTS_FD, Exit

Wish = Literal["cancel", "pause", "drain"]


class StopAsked(Exception):
    """The supervisor wished to stop, and everything worth keeping is on disk."""

    def __init__(self, wish: Wish) -> None:
        super().__init__(wish)
        self.wish: Wish = wish


class Events:
    """Writes events, one JSON object a line, to the descriptor that the environment names, or to
    standard output."""

    def __init__(self) -> None:
        self._descriptor = int(os.environ.get(EVENTS_FD, "1"))
        self._lock = threading.Lock()

    def send(self, event: Event) -> None:
        """Write one event whole. Where nobody listens any more, the process ends."""
        line = memoryview(event.model_dump_json().encode() + b"\n")
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except BrokenPipeError:
                os._exit(Exit.INTERNAL)


class StopLine:
    """Listens to standard input in a thread of its own.

    A line asks to stop at the next safe point. The end of the input says that the supervisor is
    gone: the process ends at once, whatever it does. Started by hand (a terminal or the null
    device, and no descriptor for events) there is no supervisor to lose.
    """

    def __init__(self) -> None:
        self._wish: Wish | None = None
        if EVENTS_FD in os.environ or _is_pipe_or_file():
            threading.Thread(target=self._listen, name="stop-line", daemon=True).start()

    def wish(self) -> Wish | None:
        """What was asked last, if anything."""
        return self._wish

    def _listen(self) -> None:
        pending = b""
        while chunk := _read_input():
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._heed(line.decode("utf-8", "replace").strip())
        os._exit(Exit.INTERNAL)

    def _heed(self, line: str) -> None:
        for wish in get_args(Wish):
            if line == wish:
                self._wish = wish


def _read_input() -> bytes:
    try:
        return os.read(0, 4096)
    except OSError:
        return b""


def _is_pipe_or_file() -> bool:
    """Whether standard input is one that somebody holds the other end of."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return not (stat.S_ISCHR(mode) or (sys.stdin is not None and sys.stdin.isatty()))
