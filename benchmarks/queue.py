"""A long queue: ten thousand jobs submitted, then claimed and run by eight supervisors on PostgreSQL.

The server syncs every commit. The process of a job is a stand-in that takes no time, so that the
supervisors do nothing but claim, stage, write down and end.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg

from benchmarks import timed
from benchmarks.deployment import JOB, Service, api_alone, python
from benchmarks.spread import percentile

ROOT = Path(__file__).parents[1]
SUPERVISORS = 8
CLIENTS = 8
SUBMIT_MS, CLAIM_MS = 200.0, 50.0
_LATE = 200
"""So many more are submitted while the supervisors work."""
_TWICE = """
    SELECT count(*) FROM (
        SELECT job_id FROM events WHERE type = 'state' AND data ->> 'status' = 'running'
        GROUP BY job_id HAVING count(*) > 1
    ) claimed_again"""


def main(jobs: int = 10_000) -> None:
    with api_alone("durable") as service, tempfile.TemporaryDirectory(prefix="limbeck-bench-") as name:
        began = time.monotonic()
        submitted = _submit(service, jobs)
        per_s = jobs / (time.monotonic() - began)
        tenth = max(2, jobs // 10)
        _print(f"submit, {CLIENTS} clients, {per_s:.0f}/s", submitted, SUBMIT_MS)
        _print(f"  the first {tenth}", submitted[:tenth], SUBMIT_MS)
        _print(f"  the last {tenth}", submitted[-tenth:], SUBMIT_MS)
        with _supervisors(service, Path(name)) as claims:
            began = time.monotonic()
            late = min(_LATE, jobs // 10)
            _print("submit, while they work", _submit(service, late, clients=1), SUBMIT_MS)
            _wait_for_all(service, began)
            ran_s = time.monotonic() - began
        taken = timed.seconds_of(claims)
        _print(f"claim, {SUPERVISORS} supervisors", [s * 1000 for s in taken[timed.CLAIMED]], CLAIM_MS)
        print(f"{jobs + late} jobs ended in {ran_s:.0f} s, {(jobs + late) / ran_s:.1f} each second")
        _print_ends(service, jobs + late)


def _submit(service: Service, jobs: int, *, clients: int = CLIENTS) -> list[float]:
    """Milliseconds of each submission, in the order of their ends."""
    taken: list[float] = []

    def one_client(count: int) -> None:
        headers = {"Authorization": f"Bearer {service.key}"}
        with httpx.Client(base_url=service.url, headers=headers, timeout=60) as client:
            for _ in range(count):
                began = time.perf_counter()
                client.post("/v1/jobs", json=JOB).raise_for_status()
                taken.append((time.perf_counter() - began) * 1000)

    shares = [jobs // clients + (number < jobs % clients) for number in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(one_client, shares))
    return taken


@contextmanager
def _supervisors(service: Service, folder: Path) -> Iterator[Path]:
    """A worker with a slot for each supervisor, and the sweep; yields the file of its claims."""
    claims = folder / "claims"
    claims.touch()
    environment = {**service.environment, "PYTHONPATH": packages(), "LIMBECK_SANDBOX": "limits"}
    commands = (
        python("benchmarks.timed", str(claims), "worker", "--concurrency", str(SUPERVISORS)),
        python("worker.sweep"),
    )
    with (folder / "log").open("ab") as log:
        running = [
            subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
            for command in commands
        ]
    try:
        yield claims
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(60)


def packages() -> str:
    """The path on which the stand-in is found before the science."""
    return os.pathsep.join((str(ROOT / "benchmarks" / "stand_in"), str(ROOT)))


def _wait_for_all(service: Service, began: float) -> None:
    """Until no job waits or runs; says now and then how many do."""
    said_at = began
    with psycopg.connect(service.conninfo, autocommit=True) as connection:
        while left := _one(connection, "SELECT count(*) FROM jobs WHERE status IN ('queued', 'running')"):
            if time.monotonic() - said_at > 60:
                said_at = time.monotonic()
                print(f"  {left} are left", file=sys.stderr, flush=True)
            time.sleep(1)


def _print_ends(service: Service, jobs: int) -> None:
    with psycopg.connect(service.conninfo, autocommit=True) as connection:
        ended = _one(connection, "SELECT count(*) FROM jobs WHERE status = 'succeeded'")
        print(f"succeeded: {ended} of {jobs}; claimed twice: {_one(connection, _TWICE)}")


def _one(connection: "psycopg.Connection[tuple[int]]", statement: str) -> int:
    found = connection.execute(statement).fetchone()
    assert found is not None
    return found[0]


def _print(what: str, taken_ms: list[float], limit_ms: float) -> None:
    p99 = percentile(taken_ms, 99)
    verdict = "within" if p99 < limit_ms else "NOT within"
    print(
        f"{what:36} p50 {percentile(taken_ms, 50):7.1f} ms   p99 {p99:7.1f} ms   {verdict} {limit_ms:.0f} ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
