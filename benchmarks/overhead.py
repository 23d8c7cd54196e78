"""The service against the science alone on the same staged folder, in turns."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.deployment import JOB, Service, one_machine
from benchmarks.spread import summary

TURNS = 5


def main() -> None:
    service_s, alone_s = [], []
    with one_machine() as service, tempfile.TemporaryDirectory(prefix="limbeck-bench-") as name:
        staged, environment = _stage(service, Path(name) / "staged")
        for turn in range(TURNS):
            service_s.append(_in_the_service(service))
            alone_s.append(_alone(staged, Path(name) / str(turn), environment))
    ratios = [ours / alone for ours, alone in zip(service_s, alone_s, strict=True)]
    print(f"in the service: {summary(service_s, unit='s')}")
    print(f"alone:          {summary(alone_s, unit='s')}")
    print(f"ratio:          {summary(ratios)}")


def _stage(service: Service, to: Path) -> tuple[Path, dict[str, str]]:
    """A copy of the inputs that the service stages for the job, and the environment it gives."""
    with service.client() as client:
        job = client.jobs.submit(JOB)
        process = _its_process(service)
        folder, environment = Path(process.cmdline()[-1]), process.environ()
        shutil.copytree(folder / "in", to / "in")
        client.jobs.wait(job["id"], timeout=300)
    outside = {"HOME": str(to), "TMPDIR": str(to)}
    return to, {name: value for name, value in environment.items() if "EVENTS" not in name} | outside


def _its_process(service: Service) -> psutil.Process:
    while not (found := service.processes("distill", "run")):
        time.sleep(0.05)
    return found[0]


def _in_the_service(service: Service) -> float:
    with service.client() as client:
        began = time.perf_counter()
        job = client.jobs.submit(JOB)
        job = client.jobs.wait(job["id"], timeout=300)
        taken = time.perf_counter() - began
    assert job["status"] == "succeeded", job["error"]
    return taken


def _alone(staged: Path, folder: Path, environment: dict[str, str]) -> float:
    shutil.copytree(staged / "in", folder / "in")
    (folder / "out").mkdir()
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-P", "-m", "distill", "run", str(folder)],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
