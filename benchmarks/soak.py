"""The whole service under load and faults for a while: is anything that it uses still growing?

Jobs are submitted as fast as they end, the oldest are deleted, and every few seconds a worker, a
supervisor or the process of a job is killed with -9 and started again, as an init does. Figures are
taken all along; the first quarter is left out, for caches and tables first fill to their size.
"""

import random
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import psycopg

from benchmarks.deployment import JOB, Service, api_alone, python
from benchmarks.queue import packages

WORKERS, SLOTS = 2, 2
AHEAD = 12
"""So many jobs wait or run at any time."""
KEPT = 200
"""So many jobs are there at most; of more the oldest that have ended are deleted."""
FAULT_EVERY_S = 5.0
_SAMPLES = 60
_GROWTH = 1.1
_HASTE = {
    "LIMBECK_LEASE": "PT5S",
    "LIMBECK_RENEW_EVERY": "PT1S",
    "LIMBECK_GIVE_UP_AFTER": "PT4S",
    "LIMBECK_SWEEP_EVERY": "PT1S",
    "LIMBECK_RETRY_DELAY": "PT0S",
    "LIMBECK_SANDBOX": "limits",
}
_TABLES = ("jobs", "attempts", "events", "metrics", "log_chunks", "checkpoints", "artifacts", "blobs")


@dataclass
class Figures:
    """What was measured, each in the order of time."""

    of: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.of.setdefault(name, []).append(value)

    def show(self) -> None:
        print(f"{'':34} {'begin':>12} {'end':>12} {'most':>12}")
        for name, values in self.of.items():
            settled = values[len(values) // 4 :]
            third = max(1, len(settled) // 3)
            begin, end = statistics.median(settled[:third]), statistics.median(settled[-third:])
            verdict = "flat" if end <= max(begin * _GROWTH, begin + _slack(name)) else "GROWS"
            print(f"{name:34} {begin:12.1f} {end:12.1f} {max(values):12.1f}   {verdict}")


def _slack(name: str) -> float:
    """What a figure may rise by that is near to nothing."""
    return 1.0 if name.endswith(" MB") else 10.0


def main(minutes: float = 30.0) -> None:
    with api_alone("postgresql", **_HASTE) as service, ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="limbeck-bench-")))
        fleet = ends.enter_context(_running(service, folder))
        client = ends.enter_context(_client(service))
        figures, kills = Figures(), 0
        end = time.monotonic() + minutes * 60
        sample_at = fault_at = time.monotonic()
        while time.monotonic() < end:
            fleet.tend()
            _keep_busy(client)
            if time.monotonic() >= fault_at:
                fault_at += FAULT_EVERY_S
                kills += fleet.strike()
            if time.monotonic() >= sample_at:
                sample_at += minutes * 60 / _SAMPLES
                _sample(service, fleet, figures)
            time.sleep(0.2)
        print(f"{minutes:g} minutes, {kills} processes killed")
        _wait_until_idle(client, fleet)
        _print_ends(service)
        figures.show()


@dataclass
class Fleet:
    """Workers and a sweep, which are started again when they die."""

    service: Service
    log: Path
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def work(self) -> Path:
        return Path(self.service.environment["LIMBECK_WORK_DIR"])

    def tend(self) -> None:
        commands = {
            "sweep": python("worker.sweep"),
            **{
                f"worker {n}": python("worker", "--lanes", "cpu", "--concurrency", str(SLOTS))
                for n in range(WORKERS)
            },
        }
        environment = {**self.service.environment, "PYTHONPATH": packages()}
        for name, command in commands.items():
            if name not in self.running or self.running[name].poll() is not None:
                with self.log.open("ab") as log:
                    self.running[name] = subprocess.Popen(
                        command, env=environment, cwd=self.log.parent, stdout=log, stderr=log
                    )

    def strike(self) -> int:
        """Kill one process, of a kind drawn by chance; how many there were to kill."""
        workers = [process.pid for name, process in self.running.items() if name != "sweep"]
        supervisors = [child.pid for pid in workers for child in _below(pid)]
        jobs = [child.pid for pid in supervisors for child in _below(pid)]
        victims = self.chance.choice([workers, supervisors, jobs])
        if not victims:
            return 0
        with suppress(psutil.NoSuchProcess):
            psutil.Process(self.chance.choice(victims)).kill()
        return 1

    def pids(self) -> Iterator[tuple[str, int]]:
        yield "api", self.service.pid
        for name, process in self.running.items():
            kind = name.split()[0]
            yield kind, process.pid
            if kind == "worker":
                yield from (("supervisor", child.pid) for child in _below(process.pid))


def _below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []


@contextmanager
def _running(service: Service, folder: Path) -> Iterator[Fleet]:
    fleet = Fleet(service, folder / "log")
    fleet.tend()
    try:
        yield fleet
    finally:
        for process in fleet.running.values():
            process.send_signal(signal.SIGTERM)
        for process in fleet.running.values():
            process.wait(60)


def _client(service: Service) -> httpx.Client:
    headers = {"Authorization": f"Bearer {service.key}"}
    return httpx.Client(base_url=service.url, headers=headers, timeout=60)


def _keep_busy(client: httpx.Client) -> None:
    """Enough work ahead, and of what has ended no more than is kept."""
    ahead = sum(len(_jobs(client, status=status)) for status in ("queued", "running"))
    for _ in range(AHEAD - ahead):
        client.post("/v1/jobs", json={**JOB, "metadata": {"pace_s": "0.3"}}).raise_for_status()
    ended = [
        id for status in ("succeeded", "failed") for id in _jobs(client, status=status, all_of_them=True)
    ]
    for id in sorted(ended)[: max(0, len(ended) - KEPT)]:
        client.delete(f"/v1/jobs/{id}").raise_for_status()


def _jobs(client: httpx.Client, *, status: str, all_of_them: bool = False) -> list[str]:
    found: list[str] = []
    while True:
        after = {"after": found[-1]} if found else {}
        answer = client.get("/v1/jobs", params={"status": status, "limit": 100, **after})
        page = answer.raise_for_status().json()
        found += [job["id"] for job in page["data"]]
        if not (all_of_them and page["has_more"]):
            return found


def _sample(service: Service, fleet: Fleet, figures: Figures) -> None:
    memory: dict[str, list[float]] = {}
    descriptors: dict[str, list[float]] = {}
    for kind, pid in fleet.pids():
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            memory.setdefault(kind, []).append(process.memory_info().rss / 1e6)
            descriptors.setdefault(kind, []).append(process.num_fds())
    for kind, values in sorted(memory.items()):
        figures.add(f"memory of {kind} MB", max(values))
        figures.add(f"descriptors of {kind}", max(descriptors[kind]))
    figures.add("files in the work folder", _files(fleet.work))
    figures.add("connections to the database", _sizes(service, figures))


def _files(folder: Path) -> int:
    with suppress(FileNotFoundError):  # an attempt ends while it is counted
        return sum(1 for path in folder.rglob("*") if path.is_file())
    return _files(folder)


def _sizes(service: Service, figures: Figures) -> int:
    """The size of each table with its indexes; returns how many connections there are."""
    with psycopg.connect(service.conninfo, autocommit=True) as connection:
        for table in _TABLES:
            size = _number(connection, "SELECT pg_total_relation_size(%s::regclass)", [table])
            figures.add(f"table {table} MB", size / 1e6)
        return _number(connection, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")


def _wait_until_idle(client: httpx.Client, fleet: Fleet) -> None:
    """Without further faults everything ends."""
    deadline = time.monotonic() + 120
    while any(_jobs(client, status=status) for status in ("queued", "running")):
        fleet.tend()
        if time.monotonic() > deadline:
            print("NOT idle after two minutes")
            return
        time.sleep(0.5)


def _print_ends(service: Service) -> None:
    with psycopg.connect(service.conninfo, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT status, count(*), sum(attempt) FROM jobs GROUP BY status"
        ).fetchall()
    for status, jobs, attempts in rows:
        print(f"{jobs} jobs {status}, after {attempts} attempts")


def _number(
    connection: "psycopg.Connection[tuple[int]]", statement: str, values: Sequence[object] = ()
) -> int:
    found = connection.execute(statement, values).fetchone()
    assert found is not None
    return found[0]


if __name__ == "__main__":
    main()
