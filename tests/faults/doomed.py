"""`python -P -m tests.faults.doomed PLACE MODULE ...`: a process of the service, to be struck at a point.

Every transaction and every other effect on the world outside has a point before and one after it,
named by the function that has the effect. A point is nothing until the file `PLACE/strike.json` names
it: then the process that passes it for the n-th time kills itself as `kill -9` does, freezes as
SIGSTOP does, or loses power: every file of the store that was not synced is emptied, as file systems
do. The product knows nothing of it: its functions are wrapped here, before it is imported.
"""

import fcntl
import functools
import importlib
import json
import os
import pathlib
import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

EFFECTS = (
    ("celery", "Celery.send_task"),
    ("ledger.files", "Store.put"),
    ("ledger.files", "Store.fetch"),
    ("ledger.files", "Store.delete"),
    ("worker.cache", "Cache.place"),
    ("worker.child", "start"),
    ("worker.child", "Child.say"),
    ("worker.child", "Child.kill"),
    ("worker.child", "Child.reap"),
    ("worker.folders", "remove"),
    ("worker.folders", "Folder.remember"),
    ("worker.stage", "_write"),
)
"""Functions with an effect outside of the process, beside transactions, syncs and renames."""
_OURS = ("api.", "ledger.", "worker.")
_IDEMPOTENCY_LEASE_S = 2.0
"""Of a request whose process died; scaled as the leases of jobs are, which are settings."""
_ANNOUNCE_EVERY_S = 1.0


@dataclass(frozen=True)
class Strike:
    """Where, at which passing, and how."""

    point: str
    hit: int
    act: str
    """`kill`, `freeze` or `power`."""
    store: str = ""
    """The folder of the store, where the power goes."""


class Place:
    """The folder by which a test and its doomed processes talk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        self.path.mkdir()
        for name in ("passed", "rejected", "hits", "synced", "struck"):
            (self.path / name).touch()

    def arm(self, strike: Strike | None) -> None:
        """From now on. The passings before it do not count."""
        (self.path / "strike.json").unlink(missing_ok=True)
        for name in ("hits", "struck"):
            (self.path / name).write_text("")
        if strike is not None:
            aside = self.path / "strike.aside"
            aside.write_text(json.dumps(asdict(strike)))
            aside.replace(self.path / "strike.json")

    def strike(self) -> Strike | None:
        try:
            return Strike(**json.loads((self.path / "strike.json").read_text()))
        except FileNotFoundError:
            return None

    def struck(self) -> int | None:
        """The process that was struck."""
        text = (self.path / "struck").read_text()
        return int(text) if text else None

    def passed(self) -> list[str]:
        """Every point that was passed, in order."""
        return (self.path / "passed").read_text().split("\n")[:-1]

    def rejected(self) -> int:
        """How many writes the ledger has refused because their hold was lost."""
        return len((self.path / "rejected").read_text())

    def note(self, name: str, text: str) -> int:
        """Append; returns the length of the file after it."""
        with (self.path / name).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(text)
            file.flush()
            return file.tell()


def at(place: Place, point: str) -> None:
    """Pass a point."""
    strike = place.strike()
    if strike is None:
        place.note("passed", point + "\n")
    elif strike.point == point and place.note("hits", ".") == strike.hit:
        if strike.act == "power":
            _lose_unsynced(place, Path(strike.store))
        place.note("struck", str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP if strike.act == "freeze" else signal.SIGKILL)


def haunt(place: Place) -> None:
    """Wrap every function that has an effect."""
    os.fsync = _synced(place, os.fsync)
    pathlib.Path.replace = _by_ours(place, pathlib.Path.replace, "replace")  # type: ignore[method-assign]
    for module, name in EFFECTS:
        *way, last = name.split(".")
        owner = functools.reduce(getattr, way, importlib.import_module(module))
        setattr(owner, last, _wrapped(place, getattr(owner, last), f"{module}.{name}"))
    _haunt_ledger(place)


def _haunt_ledger(place: Place) -> None:
    database = importlib.import_module("ledger.database")
    hold = importlib.import_module("ledger.lifecycle.hold")
    idempotency = importlib.import_module("ledger.idempotency")
    writing, lost = database.Sessions.writing, hold._lost

    @contextmanager
    def haunted(sessions: Any) -> Iterator[Any]:
        name = _caller(3)  # beyond this generator and contextlib
        at(place, f"{name}: begin")
        with writing(sessions) as session:
            yield session
            at(place, f"{name}: commit")
        at(place, f"{name}: committed")

    def counted(held: Any) -> Any:
        place.note("rejected", ".")
        return lost(held)

    database.Sessions.writing = haunted
    hold._lost = counted
    idempotency.begin.__kwdefaults__["lease_s"] = _IDEMPOTENCY_LEASE_S
    importlib.import_module("worker.herald")._ANNOUNCE_EVERY_S = _ANNOUNCE_EVERY_S


def _wrapped(place: Place, function: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        at(place, f"{name}: before")
        result = function(*arguments, **options)
        at(place, f"{name}: after")
        return result

    return wrapper


def _by_ours(place: Place, function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Wrapped only for callers of ours, and named by them."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        caller = _caller(2)
        if not caller.startswith(_OURS):
            return function(*arguments, **options)
        return _wrapped(place, function, f"{caller} {name}")(*arguments, **options)

    return wrapper


def _synced(place: Place, fsync: Callable[[int], None]) -> Callable[[int], None]:
    def noted(descriptor: int) -> None:
        fsync(descriptor)
        place.note("synced", f"{os.fstat(descriptor).st_ino}\n")

    return _by_ours(place, noted, "fsync")


def _caller(depth: int) -> str:
    frame = sys._getframe(depth)
    return f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}".replace(".<locals>", "")


def _lose_unsynced(place: Place, store: Path) -> None:
    synced = set((place.path / "synced").read_text().split())
    since = (place.path / "strike.json").stat().st_mtime
    for path in store.rglob("*"):
        fate = path.stat()
        if path.is_file() and fate.st_mtime > since and str(fate.st_ino) not in synced:
            os.truncate(path, 0)


if __name__ == "__main__":
    haunt(Place(Path(sys.argv[1])))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
