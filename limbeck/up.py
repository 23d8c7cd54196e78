"""`limbeck up`: the whole service on one machine, in one folder, in one breath.

The order is: lock the home, broker, migrations, first key, take back what a killed service left
running; then API, workers and sweep. It ends in the other direction: the API first, so that nothing
new comes in; then the workers, which save their jobs; the broker last.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from limbeck.children import Child
from limbeck.errors import LimbeckError
from limbeck.home import Home
from limbeck.server import broker_command, environment, python, require_server

_BROKER_S = 10.0
_READY_S = 90.0
_PREPARE_S = 120.0
_API_GRACE_S = 4.0
_WORKER_GRACE_S = 8.0
_BROKER_GRACE_S = 1.5
_LOOK_EVERY_S = 0.2

Ready = Callable[[Home, str], None]
"""Is told the home and the URL, once, when the service answers."""


class ProcessGaveUp(LimbeckError):
    """A part of the service does not stay up."""


def up(path: Path, port: int, *, ready: Ready) -> None:
    """Run the service in the foreground until SIGTERM, SIGINT or SIGHUP.

    `port` 0 takes a free one. Returns when every process of the service is gone.

    Raises: LimbeckError where the home is held, the port is taken, or a part does not stay up.
    """
    require_server()
    stop = _stop_by_signal()
    home = Home.at(path)
    lock = home.lock()
    with _listen(port) as listener:
        service = Service(home, lock, listener)
        try:
            service.start(stop)
            if not stop.is_set():
                home.announce(service.url)
                ready(home, service.url)
            service.watch(stop)
        finally:
            home.fall_silent()
            service.stop()
            home.remove_socket()


class Service:
    """The processes of one home."""

    def __init__(self, home: Home, lock: int, listener: socket.socket) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._environment = environment(home, os.environ)
        self._lock = lock
        self.broker = self._child("broker", broker_command(home))
        # On a socket of the launcher's: the port stays ours while the API starts again.
        self.api = self._child("api", python("-m", "api", "--fd", str(listener.fileno())), listener.fileno())
        self.workers = [
            self._child("jobs", python("-m", "worker", "--lanes", "cpu,gpu")),
            self._child("chores", python("-m", "worker", "--lanes", "chores", "--concurrency", "1")),
            self._child("sweep", python("-m", "worker.sweep")),
        ]

    def start(self, stop: threading.Event) -> None:
        """Bring everything up, in order; returns early where `stop` is set meanwhile."""
        self.broker.start()
        self._until("the broker answers", _BROKER_S, self._broker_answers, stop)
        self._run("migrations")
        self._run("ledger.bootstrap", "--key-file", str(self.home.key_file))
        self._run("ledger.recover")
        for child in (self.api, *self.workers):
            child.start()
        self._until("the API is ready", _READY_S, self._api_is_ready, stop)

    def watch(self, stop: threading.Event) -> None:
        """Start again what dies, until `stop` is set."""
        while not stop.wait(_LOOK_EVERY_S):
            self._revive()

    def stop(self) -> None:
        """API, workers, broker; each is killed when its grace is over."""
        for children, grace in (
            ([self.api], _API_GRACE_S),
            (self.workers, _WORKER_GRACE_S),
            ([self.broker], _BROKER_GRACE_S),
        ):
            until = time.monotonic() + grace
            for child in children:
                child.ask_to_stop()
            for child in children:
                child.ends_with(until)

    def _child(self, name: str, command: list[str], *descriptors: int) -> Child:
        log = self.home.logs / f"{name}.log"
        return Child(name, command, self.home.path, log, self._environment, (self._lock, *descriptors))

    def _revive(self) -> None:
        for child in (self.broker, self.api, *self.workers):
            if child.died():
                if child.keeps_dying():
                    raise ProcessGaveUp(
                        f"the process '{child.name}' ends again and again. "
                        f"The end of {child.log}:\n{child.last_words()}"
                    )
                child.start()

    def _until(self, what: str, within: float, done: Callable[[], bool], stop: threading.Event) -> None:
        deadline = time.monotonic() + within
        while not stop.is_set() and not done():
            self._revive()
            if time.monotonic() > deadline:
                raise ProcessGaveUp(f"waited {within:.0f} s in vain until {what}; see {self.home.logs}")
            stop.wait(0.05)

    def _run(self, module: str, *arguments: str) -> None:
        """One short program of the server, to its end."""
        child = self._child("prepare", python("-m", module, *arguments))
        child.start()
        if child.ends_with(time.monotonic() + _PREPARE_S) != 0:
            raise ProcessGaveUp(
                f"`{module}` failed on {self.home.path}. The end of {child.log}:\n{child.last_words()}"
            )

    def _broker_answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self.home.socket()))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def _api_is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise LimbeckError(
            f"port {port} of 127.0.0.1 cannot be used: {error.strerror}. "
            "Choose another --port; 0 takes a free one."
        ) from error
    listener.listen(512)
    return listener


def _stop_by_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop
