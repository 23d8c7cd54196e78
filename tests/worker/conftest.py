"""A folder as a worker stages it, and small processes that speak the protocol."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.stand_in.distill.words import SPEAK
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
