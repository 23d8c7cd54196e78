"""A bad network: a TCP proxy before a server, which can cut, stall, delay and double what passes."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Literal

Mood = Literal["well", "cut", "half-open", "slow"]
_CHUNK = 2**16
_SLOW_S = 0.05


@dataclass
class Proxy:
    """Listens on a port of this machine and forwards to a unix socket, in threads.

    `well`: everything passes. `cut`: connections break, and new ones are refused. `half-open`:
    everybody may connect and say what he likes, and never gets an answer. `slow`: every piece is late.
    """

    server: str
    """The path of the unix socket."""
    doubled: bytes | None = None
    """What holds these bytes on its way to the server is delivered once more."""
    mood: Mood = "well"
    _pairs: set[tuple[socket.socket, socket.socket]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.port = 0
        self._listener: socket.socket | None = None
        self._listen()

    def become(self, mood: Mood) -> None:
        """From now on, for the connections that are there too."""
        before, self.mood = self.mood, mood
        if mood == "cut":
            self._hang_up()
            self._break_all()
        elif before == "cut":
            self._listen()
        if before == "half-open":  # what was swallowed cannot be made up for
            self._break_all()

    def close(self) -> None:
        self._hang_up()
        self._break_all()

    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(self.server)
            self._pairs.add((client, upstream))
            for source, target in ((client, upstream), (upstream, client)):
                there = source is client
                threading.Thread(target=self._pump, args=(source, target, there), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, there: bool) -> None:
        try:
            while piece := source.recv(_CHUNK):
                if self.mood == "half-open":
                    continue
                if self.mood == "slow":
                    time.sleep(_SLOW_S)
                if there and self.doubled is not None and self.doubled in piece:
                    self._deliver_again(piece)
                target.sendall(piece)
        except OSError:
            pass
        _break(source, target)

    def _deliver_again(self, piece: bytes) -> None:
        """Over a connection of its own, so that no answer too many comes back."""
        with socket.socket(socket.AF_UNIX) as again:
            again.connect(self.server)
            again.sendall(piece)
            again.recv(_CHUNK)

    def _hang_up(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _break_all(self) -> None:
        for pair in list(self._pairs):
            _break(*pair)
        self._pairs.clear()


def _break(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
