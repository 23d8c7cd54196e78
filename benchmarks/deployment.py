"""The service as the benchmarks need it: on one machine, or its API alone on a stated database."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from limbeck import Client
from tests.servers import postgres, redis

JOB = {
    "name": "benchmark",
    "task": "image-classification",
    "dataset": "digits",
    "teacher": {
        "train": {
            "architecture": "cnn",
            "config": {"depth": 4, "width": 16},
            "training": {"epochs": 5, "batch_size": 64},
        }
    },
    "student": {"architecture": "mlp", "config": {"depth": 2, "width": 16}},
    "labels": {"count": 100},
    "losses": [
        {"kind": "soft_target", "weight": 0.9, "temperature": 4.0},
        {"kind": "hard_target", "weight": 0.1},
    ],
    "training": {"epochs": 10, "batch_size": 64},
}

DURABLE = ("-c", "max_connections=200")


@dataclass(frozen=True)
class Service:
    url: str
    key: str
    pid: int
    """Of `limbeck up`, or of the API where it runs alone."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where the API runs alone, of every process that belongs to it."""

    def client(self) -> Client:
        return Client(self.url, self.key, retry_for=60.0)

    @property
    def conninfo(self) -> str:
        """PostgreSQL's, for looking at the rows themselves."""
        return self.environment["LIMBECK_DATABASE_URL"].replace("+psycopg", "")

    def processes(self, *words: str) -> list[psutil.Process]:
        """Those below `limbeck up` whose command line has all of these words."""
        found = psutil.Process(self.pid).children(recursive=True)
        return [process for process in found if set(words) <= set(_command_line(process))]


@contextmanager
def one_machine() -> Iterator[Service]:
    """`limbeck up` in a temporary home."""
    with tempfile.TemporaryDirectory(prefix="limbeck-bench-") as folder:
        command = [sys.executable, "-P", "-m", "limbeck", "up", "--home", folder, "--port", "0", "-o", "json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            service = Service(said["url"], said["key"], process.pid)
            _name_digits(service)
            yield service
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


@contextmanager
def api_alone(kind: str, **settings: str) -> Iterator[Service]:
    """The API and a worker for chores on a database of this kind, `sqlite` or `postgresql`.

    No worker takes jobs, so that a submission is all that is measured. `postgresql` is careless of its
    bytes, as that of the tests; `durable` is the same server as one that syncs every commit.
    """
    with tempfile.TemporaryDirectory(prefix="limbeck-bench-") as name, redis.broker() as broker:
        folder = Path(name)
        with _database(kind, folder) as database_url:
            environment = {
                "PATH": "/usr/bin:/bin",
                "LIMBECK_DATABASE_URL": database_url,
                "LIMBECK_BROKER_URL": broker.url,
                "LIMBECK_STORE_URL": f"file://{folder / 'blobs'}",
                "LIMBECK_WORK_DIR": str(folder / "work"),
                **settings,
            }
            key = folder / "admin.key"
            for short in (["migrations"], ["ledger.bootstrap", "--key-file", str(key)]):
                subprocess.run(python(*short), env=environment, cwd=folder, check=True, capture_output=True)
            port, log = _free_port(), (folder / "log").open("ab")
            running = [
                subprocess.Popen(python(*long), env=environment, cwd=folder, stderr=log, stdout=log)
                for long in (["api", "--port", str(port)], ["worker", "--lanes", "chores"])
            ]
            try:
                service = Service(
                    f"http://127.0.0.1:{port}", key.read_text().strip(), running[0].pid, environment
                )
                _name_digits(service)
                yield service
            finally:
                for process in running:
                    process.terminate()
                for process in running:
                    process.wait(30)


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'limbeck.db'}"
        return
    options = DURABLE if kind == "durable" else postgres.CARELESS
    with postgres.postgres(options) as server, server.database() as url:
        yield url.render_as_string(hide_password=False)


def _name_digits(service: Service) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{service.url}/healthz")
            break
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    with service.client() as client:
        dataset = client.datasets.create(name="digits", builtin="digits", task="image-classification")
        client.datasets.wait(dataset["id"], timeout=120)


def python(*arguments: str) -> list[str]:
    """The command line of one of our processes."""
    return [sys.executable, "-P", "-m", *arguments]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
