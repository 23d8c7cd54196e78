"""`limbeck up` as its user starts it, and every process that belongs to its home."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from limbeck import Client

LIMBECK = [sys.executable, "-P", "-m", "limbeck"]
WITHIN_S = 120.0

TRAINING = {"batch_size": 64, "optimizer": {"kind": "adamw", "learning_rate": 5e-3}}
JOB: dict[str, Any] = {
    "version": 1,
    "name": "digits",
    "task": "image-classification",
    "teacher": {
        "train": {
            "architecture": "cnn",
            "config": {"depth": 2, "width": 8},
            "training": {**TRAINING, "epochs": 2},
        }
    },
    "dataset": "digits",
    "labels": {"count": 100},
    "student": {"architecture": "cnn", "config": {"depth": 2, "width": 4}},
    "losses": [
        {"kind": "soft_target", "weight": 0.9, "temperature": 4.0},
        {"kind": "hard_target", "weight": 0.1},
    ],
    "training": {**TRAINING, "epochs": 2},
}
"""A job of seconds."""


def long_job(steps: int) -> dict[str, Any]:
    """A job that trains its student for so many updates, about two milliseconds each."""
    return {
        **JOB,
        "training": {**TRAINING, "steps": steps, "checkpoint_every_s": 1},
        "evaluation": {"control": False},
    }


@dataclass
class Launched:
    """A running `limbeck up`."""

    process: psutil.Popen
    home: Path
    url: str
    key: str

    def client(self) -> Client:
        return Client(self.url, self.key)

    def processes(self) -> list[psutil.Process]:
        return processes_of(self.home)

    def environment(self) -> dict[str, str]:
        """What a shell needs to talk to it; what it remembers, it remembers beside the home."""
        remembers = {"XDG_CONFIG_HOME": str(self.home.parent / "config")}
        return {**os.environ, "LIMBECK_URL": self.url, "LIMBECK_API_KEY": self.key, **remembers}


def launch(home: Path, *arguments: str) -> Launched:
    """Start a service on `home` and wait until it says that it is ready."""
    process = psutil.Popen(
        [*LIMBECK, "up", "--home", str(home), "--port", "0", "-o", "json", *arguments],
        env={**os.environ, "LIMBECK_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    greeting = process.stdout.readline()
    assert greeting, process.communicate()[1]
    said = json.loads(greeting)
    return Launched(process, home, said["url"], said["key"])


def processes_of(home: Path) -> list[psutil.Process]:
    """Every living process that has the home's path in its arguments or as its working directory."""
    return [process for process in psutil.process_iter() if _belongs(process, str(home))]


def _belongs(process: psutil.Process, home: str) -> bool:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return home in process.cwd() or any(home in word for word in process.cmdline())
    except psutil.Error:
        return False


def wait_until_gone(home: Path, within: float) -> list[psutil.Process]:
    """The processes of the home that still live after `within` seconds."""
    deadline = time.monotonic() + within
    while (left := processes_of(home)) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.2)
    return left


def stop(service: Launched) -> int:
    """SIGTERM, and the exit code."""
    service.process.terminate()
    code = int(service.process.wait(30))
    service.process.communicate()
    return code


def leave_nothing(folder: Path, launched: list[Launched]) -> None:
    """Kill what still lives under `folder`, and let go of its pipes."""
    for process in processes_of(folder):
        process.kill()
    for service in launched:
        service.process.communicate()


def add_digits(client: Client) -> None:
    dataset = client.datasets.create(name="digits", builtin="digits", task="image-classification")
    assert client.datasets.wait(dataset["id"], timeout=WITHIN_S)["status"] == "ready"
