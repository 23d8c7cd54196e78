"""Seconds from the 201 to the first training step, beside starting Python with the science in it."""

import subprocess
import sys
import time

from benchmarks.deployment import JOB, Service, one_machine
from benchmarks.spread import summary
from limbeck import Client

TURNS = 5


def main() -> None:
    service_s, python_s = [], []
    with one_machine() as service:
        for _ in range(TURNS):
            python_s.append(_imports())
            service_s.append(_first_step(service))
    ratios = [ours / floor for ours, floor in zip(service_s, python_s, strict=True)]
    print(f"from 201 to the first step: {summary(service_s, unit='s')}")
    print(f"python with the science:    {summary(python_s, unit='s')}")
    print(f"ratio:                      {summary(ratios)}")


def _first_step(service: Service) -> float:
    with service.client() as client:
        job = client.jobs.submit(JOB)
        began = time.perf_counter()
        taken = _seconds_until_first_metric(client, job["id"], began)
        client.jobs.cancel(job["id"])
        client.jobs.wait(job["id"], timeout=60)
    return taken


def _seconds_until_first_metric(client: Client, job_id: str, began: float) -> float:
    for event in client.jobs.events(job_id):
        if event["type"] == "metric":
            return time.perf_counter() - began
    raise RuntimeError(f"{job_id} ended without a step")


def _imports() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", "import distill.recipe"], check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
