"""The API as a process: constant memory, and an end in good order."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import psutil
import pytest

from ledger.database import Sessions
from ledger.settings import Settings
from tests.api.conftest import bearer

MEBIBYTE = 2**20
SENT = 300 * MEBIBYTE
MAY_GROW = 60 * MEBIBYTE


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of a process, not of a database."""
    return sqlite_url


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    http: httpx.Client


@pytest.fixture
def server(settings: Settings, sessions: Sessions, project_id: str, tmp_path: Path) -> Iterator[Server]:
    """`python -m api` on a socket of its own."""
    address = tmp_path / "api.sock"
    environment = {
        **os.environ,
        "LIMBECK_DATABASE_URL": settings.database_url,
        "LIMBECK_BROKER_URL": settings.broker_url,
        "LIMBECK_STORE_URL": settings.store_url,
        "LIMBECK_WORK_DIR": str(settings.work_dir),
    }
    with (tmp_path / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "api", "--uds", str(address)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    transport = httpx.HTTPTransport(uds=str(address))
    with httpx.Client(
        transport=transport, base_url="http://api", headers=bearer(sessions, project_id), timeout=60
    ) as http:
        _until_it_listens(process, address)
        yield Server(process, http)
    process.kill()
    process.wait(10)


def _until_it_listens(process: subprocess.Popen[bytes], address: Path) -> None:
    deadline = time.monotonic() + 60
    with socket.socket(socket.AF_UNIX) as connection:
        while connection.connect_ex(str(address)) != 0:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_large_file_comes_and_goes_at_constant_memory(server: Server):
    chunk = os.urandom(MEBIBYTE)
    memory = psutil.Process(server.process.pid).memory_info
    server.http.post("/v1/files", content=chunk).raise_for_status()  # buffers that stay are there now
    before = peak = memory().rss
    expected = sha256()

    def body() -> Iterator[bytes]:
        nonlocal peak
        for _ in range(SENT // MEBIBYTE):
            expected.update(chunk)
            peak = max(peak, memory().rss)
            yield chunk

    file = server.http.post("/v1/files", content=body()).json()
    received = sha256()
    with server.http.stream("GET", f"/v1/files/{file['id']}/content") as answer:
        for part in answer.iter_bytes():
            received.update(part)
            peak = max(peak, memory().rss)

    assert file["bytes"] == SENT
    assert file["sha256"] == expected.hexdigest() == received.hexdigest()
    assert peak - before < MAY_GROW


def test_a_caller_who_hangs_up_leaves_no_bytes_behind(server: Server, settings: Settings):
    def body() -> Iterator[bytes]:
        yield b"x" * MEBIBYTE
        raise InterruptedError

    with pytest.raises(InterruptedError):
        server.http.post("/v1/files", content=body(), headers={"Content-Length": str(10 * MEBIBYTE)})

    deadline = time.monotonic() + 20
    while list((settings.work_dir / "uploads").glob("*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert server.http.get("/v1/files").json()["data"] == []


def test_sigterm_ends_the_process_in_good_order(server: Server):
    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(20) == 0
