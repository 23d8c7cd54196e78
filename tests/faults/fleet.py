"""The whole service in processes of its own, each started again when it has died, as an init does."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil

from ledger.keys import create_key
from ledger.settings import Settings
from tests.faults.doomed import Place
from tests.faults.yard import ROOT, STAND_IN, Yard, as_environment
from tests.servers.process import ends_with_parent
from tests.worker.scripted import document, quick
from worker import processes

Process = subprocess.Popen[bytes]
_STOPPED = "T"
_WORKER = ("worker", "--lanes", "cpu", "--concurrency")


def hasty(settings: Settings, **changes: Any) -> Settings:
    """Leases of one second (`LIMBECK_TEST_LEASE_S` on a machine too busy for that), and the rest to match."""
    lease_s = float(os.environ.get("LIMBECK_TEST_LEASE_S", "1"))
    scaled = {
        "lease": timedelta(seconds=lease_s),
        "renew_every": timedelta(seconds=lease_s / 4),
        "give_up_after": timedelta(seconds=lease_s * 3 / 4),
    }
    return quick(settings, **{**scaled, **changes})


class Fleet:
    """An API, workers and a sweep over the yard's database, broker and store."""

    def __init__(
        self,
        yard: Yard,
        folder: Path,
        *,
        workers: int = 1,
        slots: int = 1,
        inspects: bool = False,
        collects: bool = False,
        **changes: Any,
    ) -> None:
        self.yard = yard
        self.settings = yard.settings = hasty(yard.settings, **changes)
        self.place = Place(folder / "place")
        self.place.make()
        self.submitted: list[str] = []
        self._folder = folder
        self._running: dict[str, Process] = {}
        self._words = {
            "api": ["api", "--port", str(_free_port())],
            "sweep": ["worker.sweep"],
            **({"collector": ["tests.faults.collecting"]} if collects else {}),
            **({"worker-chores": ["worker", "--lanes", "chores"]} if inspects else {}),
            **{
                f"worker{n}": ["worker", "--lanes", "cpu", "--concurrency", str(slots)]
                for n in range(workers)
            },
        }
        self._workers = [name for name, (module, *_) in self._words.items() if module == "worker"]
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{self._words['api'][-1]}",
            headers={"Authorization": f"Bearer {self._key()}"},
            timeout=20,
        )

    def start(self) -> None:
        self.tend()
        self.until(self._healthy)

    def tend(self) -> None:
        """Start what does not run."""
        for name in self._words:
            if name not in self._running or self._running[name].poll() is not None:
                self._running[name] = self._begin(name)

    def until(self, true: Callable[[], bool], *, within_s: float = 120) -> None:
        """Wait until it is so, and start again whatever dies meanwhile."""
        deadline = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < deadline, self.log()
            self.tend()
            time.sleep(0.05)

    def rest(self, seconds: float) -> None:
        """Let the service be, but start again whatever died."""
        time.sleep(seconds)
        self.tend()

    def submit(self, script: str, **changes: Any) -> str:
        """A job, asked for until it is answered, always under one key."""
        body = document(metadata={"script": script}, limits={"max_attempts": 20}, **changes)
        answer = self.ask("POST", "/v1/jobs", json=body)
        assert answer.status_code in (200, 201), answer.text
        self.submitted.append(answer.json()["id"])
        return self.submitted[-1]

    def ask(self, method: str, path: str, *, within_s: float = 120, **body: Any) -> httpx.Response:
        """The first answer of an API that may die on the way, or have no database behind it."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        deadline = time.monotonic() + within_s
        while True:
            try:
                answer = self._client.request(method, path, headers=headers, **body)
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.status_code < 500 and "Retry-After" not in answer.headers:
                return answer
            assert time.monotonic() < deadline, self.log()
            self.tend()
            time.sleep(0.1)

    def ask_once(self, method: str, path: str, **body: Any) -> httpx.Response:
        """The first answer, whatever it is."""
        return self._client.request(method, path, **body)

    def ended(self, job_id: str) -> bool:
        return self.yard.job(job_id).status in ("succeeded", "failed", "cancelled")

    def until_ended(self, *job_ids: str, within_s: float = 120) -> None:
        for job_id in job_ids or self.submitted:
            self.until(lambda job_id=job_id: self.ended(job_id), within_s=within_s)  # type: ignore[misc]

    def victims(self, kind: str) -> list[int]:
        """The processes that a fault of this kind may strike now."""
        parents = [
            p.pid for name, p in self._running.items() if name.startswith("worker") and p.poll() is None
        ]
        match kind:
            case "child":
                return self.yard.inside()
            case "supervisor":
                return [child.pid for pid in parents for child in _children(pid)]
            case "worker":
                return parents
            case _:
                return [self._running[kind].pid]

    def kill(self, pid: int, *, with_all: bool = False) -> None:
        """Kill -9, without mercy for its descendants if `with_all`, as when a machine goes down."""
        below = [child.pid for child in _children(pid, recursive=True)] if with_all else []
        for each in (pid, *below):
            processes.send(each, signal.SIGKILL)

    def frozen(self, pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == _STOPPED
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Stop all of it in good order; nothing may be left."""
        for process in self._running.values():
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._client.close()

    def log(self) -> str:
        return (self._folder / "fleet.log").read_text(errors="replace")[-8000:]

    def _begin(self, name: str) -> Process:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(STAND_IN), str(ROOT)]),
            "LIMBECK_LOG_FORMAT": "json",
            **as_environment(self.settings),
        }
        doomed = [sys.executable, "-P", "-m", "tests.faults.doomed", str(self.place.path)]
        command = [*ends_with_parent(), *doomed, *self._words[name]]
        with (self._folder / "fleet.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self._folder, env=environment, stdout=log, stderr=log)

    def _key(self) -> str:
        with self.yard.sessions.writing() as session:
            _, text = create_key(session, project_id=self.yard.project_id, name="fleet")
        return text

    def _healthy(self) -> bool:
        try:
            return self._client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False


def _children(pid: int, *, recursive: bool = False) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=recursive)
    except psutil.NoSuchProcess:
        return []


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
