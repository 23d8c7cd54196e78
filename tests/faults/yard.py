"""A service without its API: workers to start and kill, a sweep to beat by hand."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger import tables
from ledger.database import Sessions
from ledger.files import Store
from ledger.queries import attempts, checkpoints, events_after, get_job, log_text
from ledger.queue import Doorbell
from ledger.settings import Settings
from ledger.workers import list_workers
from tests.servers.process import ends_with_parent
from tests.worker.scripted import quick, submit
from worker import processes
from worker.sweep import Sweep

ROOT = Path(__file__).parents[2]
STAND_IN = Path(__file__).parent / "stand_in"


class Yard:
    """Real workers of one test, and everything that it may look at."""

    def __init__(
        self, sessions: Sessions, store: Store, settings: Settings, project_id: str, tmp_path: Path
    ) -> None:
        self.sessions = sessions
        self.store = store
        self.settings = quick(settings)
        self.project_id = project_id
        self.doorbell = Doorbell(settings.broker_url)
        self.sweep = Sweep(self.settings, sessions, store, self.doorbell, owner="test")
        self._tmp_path = tmp_path
        self._workers: list[subprocess.Popen[bytes]] = []

    def work(self, *words: str, real: bool = False, **changes: Any) -> "subprocess.Popen[bytes]":
        """Start `python -m worker`; `real` with the science, else with scripts in its place."""
        settings = self.settings.model_copy(update=changes)
        packages = [str(ROOT)] if real else [str(STAND_IN), str(ROOT)]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(packages),
            "LIMBECK_LOG_FORMAT": "json",
            **as_environment(settings),
        }
        with (self._tmp_path / "workers.log").open("ab") as log:
            worker = subprocess.Popen(
                [*ends_with_parent(), sys.executable, "-P", "-m", "worker", *(words or ("--lanes", "cpu"))],
                cwd=self._tmp_path,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._workers.append(worker)
        return worker

    def submit(self, script: str = "", *, ring: bool = True, **changes: Any) -> str:
        job_id = submit(self.sessions, self.project_id, metadata={"script": script}, **changes)
        if ring:
            self.doorbell.ring("gpu" if changes.get("resources", {}).get("gpus") else "cpu")
        return job_id

    def job(self, job_id: str) -> tables.Job:
        with self.sessions.reading() as session:
            return get_job(session, self.project_id, job_id)

    def workers(self) -> list[tables.Worker]:
        with self.sessions.reading() as session:
            return list_workers(session)

    def attempts(self, job_id: str) -> list[tables.Attempt]:
        with self.sessions.reading() as session:
            return attempts(session, job_id)

    def events(self, job_id: str) -> list[tables.Event]:
        with self.sessions.reading() as session:
            return events_after(session, job_id)

    def checkpoints(self, job_id: str) -> list[tables.Checkpoint]:
        with self.sessions.reading() as session:
            return checkpoints(session, job_id)

    def log(self, job_id: str, attempt: int = 1) -> str:
        with self.sessions.reading() as session:
            return log_text(session, job_id, attempt)

    def until(self, true: Callable[[], bool], *, within_s: float = 60, beat: bool = False) -> None:
        """Wait until it is so; `beat` lets the sweep do its work meanwhile."""
        deadline = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < deadline, self.workers_log()
            if beat:
                self.sweep.beat()
            time.sleep(0.05)

    def rest(self, seconds: float) -> None:
        """Let the service be, but for the sweep."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.sweep.beat()
            time.sleep(0.05)

    def until_status(self, job_id: str, status: str, *, within_s: float = 60, beat: bool = False) -> None:
        self.until(lambda: self.job(job_id).status == status, within_s=within_s, beat=beat)

    def until_step(self, job_id: str, step: int) -> None:
        def there() -> bool:
            progress = self.job(job_id).progress
            return progress is not None and progress["step"] >= step

        self.until(there)

    def inside(self) -> list[int]:
        """The processes of attempts that live on this machine."""
        return processes.inside(self.settings.work_dir / "attempts")

    def supervisor(self, worker: "subprocess.Popen[bytes]", job_id: str) -> int:
        """The pool process of the worker that looks after the job: the parent of its group's leader."""
        leader = self.attempts(job_id)[-1].pid
        assert leader is not None
        parent = int(Path(f"/proc/{leader}/stat").read_text().rpartition(")")[2].split()[1])
        assert parent != worker.pid
        return parent

    def freeze(self, supervisor: int) -> None:
        """Stop a process at a moment when it does not hold SQLite's one write lock: who is frozen
        with it in hand holds up everybody, whatever the lease says."""
        while True:
            os.kill(supervisor, signal.SIGSTOP)
            while not stands_still(supervisor):
                time.sleep(0.001)
            if self.writable():
                return
            os.kill(supervisor, signal.SIGCONT)
            time.sleep(0.02)  # to get on, and soon enough to renew its lease

    def writable(self) -> bool:
        """Whether nobody holds SQLite's one write lock for long."""
        url = self.sessions.engine.url
        if url.get_backend_name() != "sqlite":
            return True
        assert url.database is not None
        connection = sqlite3.connect(url.database, timeout=0.1, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
        return True

    def plain_url(self) -> str:
        """The database as its own driver spells it."""
        url = self.sessions.engine.url.set(drivername="postgresql")
        return url.render_as_string(hide_password=False)

    def workers_log(self) -> str:
        path = self._tmp_path / "workers.log"
        return path.read_text(errors="replace")[-6000:] if path.exists() else ""

    def close(self) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait()
        self.doorbell.close()


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as `LIMBECK_*` variables spell them."""
    values = settings.model_dump(mode="json", exclude_defaults=True)
    return {
        f"LIMBECK_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }


def stands_still(pid: int) -> bool:
    """Whether every thread of a process has stopped: the signal comes back before they have."""
    states = [
        task.read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return set(states) == {"T"}
