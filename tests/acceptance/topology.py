"""The processes of docker-compose.yml, started here: its commands, its order, its environment.

Where a container has an address, a port or a folder of its own, the process gets one of this test's;
all else is taken from the files, so that they cannot say one thing and do another.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

ROOT = Path(__file__).parent.parent.parent
SERVERS = ("postgres", "redis")
_STEP_S = 60.0


def services() -> dict[str, Any]:
    """The services of docker-compose.yml that start without a profile."""
    stated: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return {name: service for name, service in stated.items() if "profiles" not in service}


def entrypoint() -> list[str]:
    """What both images start their command with."""
    stated = re.findall(r"^ENTRYPOINT (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    (command,) = map(json.loads, stated)
    return [str(word) for word in command]


@dataclass
class Topology:
    """One deployment in a folder, on a database and a broker that run already."""

    folder: Path
    database_url: str
    broker_url: str
    scale: dict[str, int]
    processes: dict[str, list[psutil.Popen]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        return (self.folder / "admin.key").read_text().strip()

    def up(self) -> None:
        """Start every service after those that it depends on, and run the short ones to their end."""
        for name in _in_order(services()):
            if name in SERVERS:
                continue
            for replica in range(self.scale.get(name, 1)):
                self._start(name, replica)
            if _is_awaited(name):
                (process,) = self.processes.pop(name)
                assert process.wait(_STEP_S) == 0, self.log(name)
        self._until_healthy()

    def down(self) -> dict[str, float]:
        """Stop everything as Compose does; the seconds that the slowest of each service took."""
        began = time.monotonic()
        took = {}
        running = [(name, process) for name, many in self.processes.items() for process in many]
        for _, process in running:
            process.send_signal(signal.SIGTERM)
        for name, process in running:
            process.wait(grace_s(name))
            took[name] = max(took.get(name, 0.0), time.monotonic() - began)
        return took

    def kill(self) -> None:
        """Whatever is left, at once."""
        for many in self.processes.values():
            for process in many:
                if process.is_running():
                    process.kill()
                    process.wait(10)

    def log(self, name: str) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob(f"{name}-*.log")))

    def _until_healthy(self) -> None:
        """As the HEALTHCHECK of the image asks."""
        (api,) = self.processes["api"]
        deadline = time.monotonic() + _STEP_S
        while not _answers(f"{self.url}/healthz"):
            assert api.poll() is None, self.log("api")
            assert time.monotonic() < deadline, self.log("api")
            time.sleep(0.1)

    def _start(self, name: str, replica: int) -> None:
        place = self.folder / f"{name}-{replica}"
        place.mkdir()
        with place.with_suffix(".log").open("ab") as log:
            process = psutil.Popen(
                self._command(name),
                cwd=place,
                env=self._environment(name, place),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.setdefault(name, []).append(process)

    def _command(self, name: str) -> list[str]:
        here = {
            "python": sys.executable,
            "0.0.0.0": "127.0.0.1",
            "8000": str(self.port),
            "/keys/admin.key": str(self.folder / "admin.key"),
        }
        return [here.get(word, word) for word in [*entrypoint(), *services()[name]["command"]]]

    def _environment(self, name: str, place: Path) -> dict[str, str]:
        here = {
            "LIMBECK_DATABASE_URL": self.database_url,
            "LIMBECK_BROKER_URL": self.broker_url,
            "LIMBECK_STORE_URL": f"file://{self.folder / 'blobs'}",
            "LIMBECK_WORK_DIR": str(place / "work"),
            "LIMBECK_SIGNING_KEY": str(self.folder / "signing" / "key.pem"),
        }
        stated = services()[name]["environment"]
        assert set(stated) <= set(here), "docker-compose.yml sets something that this test does not know"
        image = {"PATH": os.environ["PATH"], "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
        set_here = {variable: here[variable] for variable in stated}
        return {**image, **set_here, "LIMBECK_THREADS": "1"}  # tests run side by side


def grace_s(name: str) -> float:
    """How long Compose waits for this service after SIGTERM."""
    return float(str(services()[name].get("stop_grace_period", "10s")).removesuffix("s"))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=4).status_code == 200
    except httpx.TransportError:
        return False


def _is_awaited(name: str) -> bool:
    """Whether others wait for this service to end well."""
    conditions = [service.get("depends_on", {}).get(name, {}) for service in services().values()]
    return {"condition": "service_completed_successfully"} in conditions


def _in_order(stated: dict[str, Any]) -> list[str]:
    order: list[str] = []
    while len(order) < len(stated):
        ready = [
            name
            for name, service in stated.items()
            if name not in order and set(service.get("depends_on", {})) <= set(order)
        ]
        assert ready, "the services depend on each other in a circle"
        order += ready
    return order
