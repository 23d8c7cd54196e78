"""A folder as a worker stages it, and small processes that speak the protocol."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.database import Sessions
from ledger.files import Store
from ledger.settings import Settings
from tests.faults.stand_in.distill.words import SPEAK
from tests.worker.bench import Bench
from tests.worker.scripted import ready_dataset
from worker import processes
from worker.child import Child, start
from worker.sandbox import Sandbox, detect, inherited


@pytest.fixture(params=["bubblewrap", "limits"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    found = detect("limits" if request.param == "limits" else "auto")
    if found.kind != request.param:
        pytest.skip("bubblewrap does not work on this machine")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "attempt"
    for name in ("in", "out", "tmp"):
        (place / name).mkdir(parents=True)
    return place


@pytest.fixture
def begin(folder: Path, sandbox: Sandbox) -> Iterator[Callable[..., Child]]:
    """Start a process that runs `script` after `say` has been defined for it."""
    children: list[Child] = []

    def begin(script: str, *, memory_bytes: int = 0) -> Child:
        child = start(
            [sys.executable, "-P", "-c", SPEAK + script, "distill", str(folder)],
            folder=folder,
            environment=inherited(),
            sandbox=sandbox,
            log=folder / "log.txt",
            memory_bytes=memory_bytes,
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        child.kill()
        child.reap()
    assert processes.inside(folder) == []


@pytest.fixture
def drain() -> Iterator[tuple[int, int]]:
    hears, says = os.pipe()
    yield hears, says
    os.close(hears)
    os.close(says)


@pytest.fixture
def bench(
    sessions: Sessions,
    store: Store,
    settings: Settings,
    project_id: str,
    tmp_path: Path,
    drain: tuple[int, int],
) -> Bench:
    ready_dataset(sessions, store, project_id, tmp_path)
    return Bench(sessions, store, settings, project_id, drain)
