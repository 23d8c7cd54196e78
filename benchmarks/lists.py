"""Milliseconds of every list at a hundred thousand jobs and ten million figures, on PostgreSQL."""

import time

import httpx
import psycopg

from benchmarks.deployment import Service, api_alone
from benchmarks.filled import Filled, fill
from benchmarks.spread import percentile

TURNS = 30
LIMIT_MS = 200.0


def main(jobs: int = 100_000, queued: int = 10_000, metrics: int = 10_000_000) -> None:
    with api_alone("postgresql") as service:
        began = time.monotonic()
        filled = _fill(service, jobs, queued, metrics)
        print(
            f"{filled.jobs} jobs, {filled.metrics} figures, {filled.events} events of "
            f"{len(filled.projects)} projects, in {time.monotonic() - began:.0f} s",
            flush=True,
        )
        headers = {"Authorization": f"Bearer {service.key}"}
        with httpx.Client(base_url=service.url, headers=headers, timeout=60) as client:
            for address in ("/healthz", *_addresses(filled)):
                _print(address, client)


def _fill(service: Service, jobs: int, queued: int, metrics: int) -> Filled:
    with psycopg.connect(service.conninfo) as connection:
        found = connection.execute("SELECT project_id, id FROM datasets").fetchone()
    assert found is not None
    project_id, dataset_id = found
    return fill(
        service.conninfo,
        jobs=jobs,
        queued=queued,
        metrics=metrics,
        project_id=project_id,
        dataset_id=dataset_id,
    )


def _addresses(filled: Filled) -> list[str]:
    usual, long, waiting = (
        f"/v1/jobs/{id}" for id in (filled.usual_job, filled.long_job, filled.waiting_job)
    )
    return [
        "/v1/jobs",
        "/v1/jobs?limit=100",
        f"/v1/jobs?limit=100&after={filled.usual_job}",
        "/v1/jobs?limit=100&status=succeeded",
        "/v1/jobs?limit=100&status=failed",
        "/v1/jobs?limit=100&status=running",
        "/v1/jobs?limit=100&name=digits-7",
        "/v1/jobs?limit=100&name=nothing",
        "/v1/jobs?limit=100&metadata[team]=team-3",
        "/v1/jobs?limit=100&metadata[commit]=00000007",
        "/v1/jobs?limit=100&status=failed&metadata[team]=team-3",
        usual,
        long,
        waiting,
        f"{usual}/metrics",
        f"{long}/metrics",
        f"{long}/metrics?max_points=500",
        f"{long}/metrics?names=train.loss.total&run=student",
        f"{usual}/events?limit=100",
        f"{long}/events?limit=100",
        f"{long}/attempts",
        f"{long}/artifacts",
        f"{long}/checkpoints",
        "/v1/queue",
        "/v1/queue?limit=100",
        f"/v1/queue?limit=100&after={filled.waiting_job}",
        "/v1/models",
        "/v1/datasets",
        "/v1/files",
        "/v1/workers",
        "/metrics",
    ]


def _print(address: str, client: httpx.Client) -> None:
    client.get(address).raise_for_status()
    taken = []
    for _ in range(TURNS):
        began = time.perf_counter()
        client.get(address)
        taken.append((time.perf_counter() - began) * 1000)
    high = percentile(taken, 95)
    verdict = "" if high < LIMIT_MS else f"   NOT within {LIMIT_MS:.0f} ms"
    print(f"{address:75} p50 {percentile(taken, 50):7.1f} ms   p95 {high:7.1f} ms{verdict}", flush=True)


if __name__ == "__main__":
    main()
