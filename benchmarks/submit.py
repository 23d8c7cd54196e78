"""Milliseconds of a submission at 20 clients, while 50 requests wait for jobs to change."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from benchmarks.deployment import JOB, Service, api_alone
from benchmarks.spread import percentile

CLIENTS = 20
EACH = 25
WAITING = 50


def main() -> None:
    print(f"{CLIENTS} clients, {WAITING} requests waiting      p50 ms   p99 ms   ratio of p50 to /healthz")
    for kind in ("sqlite", "postgresql"):
        with api_alone(kind) as service:
            jobs = [_send(service, "POST", "/v1/jobs", JOB).json()["id"] for _ in range(WAITING)]
            waiting = _wait_for(service, jobs)
            floor = _measure(service, lambda client: client.get("/healthz"))
            taken = _measure(service, lambda client: client.post("/v1/jobs", json=JOB))
            assert all(thread.is_alive() for thread in waiting), "a waiting request was answered"
        ratio = percentile(taken, 50) / percentile(floor, 50)
        print(f"{kind:36} {percentile(taken, 50):8.1f} {percentile(taken, 99):8.1f}   {ratio:.1f}")


def _measure(service: Service, ask: Callable[[httpx.Client], httpx.Response]) -> list[float]:
    """Milliseconds of each request, all clients at once."""

    def one_client(_: int) -> list[float]:
        taken = []
        with httpx.Client(base_url=service.url, headers=_headers(service), timeout=60) as client:
            for _ in range(EACH):
                began = time.perf_counter()
                ask(client).raise_for_status()
                taken.append((time.perf_counter() - began) * 1000)
        return taken

    with ThreadPoolExecutor(CLIENTS) as clients:
        return [value for values in clients.map(one_client, range(CLIENTS)) for value in values]


def _wait_for(service: Service, jobs: list[str]) -> list[threading.Thread]:
    def wait(job: str) -> None:
        try:
            _send(service, "GET", f"/v1/jobs/{job}?wait=60")
        except httpx.HTTPError:
            return  # the service is stopped while we wait

    threads = [threading.Thread(target=wait, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    return threads


def _send(service: Service, verb: str, path: str, body: object = None) -> httpx.Response:
    answer = httpx.request(verb, service.url + path, headers=_headers(service), json=body, timeout=90)
    return answer.raise_for_status()


def _headers(service: Service) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.key}"}


if __name__ == "__main__":
    main()
