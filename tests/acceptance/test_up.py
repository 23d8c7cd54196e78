"""`limbeck up`: one home, real processes, and what is left of them."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from limbeck import Client
from tests.acceptance.launched import (
    LIMBECK,
    WITHIN_S,
    Launched,
    add_digits,
    launch,
    long_job,
    processes_of,
    stop,
    wait_until_gone,
)

pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(300)]

STOPS_WITHIN_S = 15.0


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home of which nothing lives after the test."""
    yield tmp_path / "home"
    for process in processes_of(tmp_path):
        process.kill()


@pytest.fixture
def service(home: Path) -> Launched:
    return launch(home)


def wait_for_checkpoint(client: Client, job_id: str, *, attempt: int) -> int:
    """The step of the first checkpoint that this attempt writes while it trains the student."""
    for event in client.jobs.events(job_id):
        if (
            event["type"] == "checkpoint"
            and event["data"]["run"] == "student"
            and event["attempt"] == attempt
        ):
            return int(event["data"]["step"])
    raise AssertionError("the job ended without a checkpoint")


def kill_everything(service: Launched) -> None:
    for process in service.processes():
        process.kill()


def kill_the_launcher(service: Launched) -> None:
    service.process.kill()


@pytest.mark.parametrize("kill", [kill_everything, kill_the_launcher])
def test_a_job_outlives_kill_9(home: Path, kill: Callable[[Launched], None]) -> None:
    service = launch(home)
    with service.client() as client:
        add_digits(client)
        job_id = client.jobs.submit(long_job(6_000))["id"]
        saved = wait_for_checkpoint(client, job_id, attempt=1)
        assert any("distill" in process.cmdline() for process in service.processes())

    kill(service)
    assert wait_until_gone(home, 5) == []
    service.process.communicate()

    again = launch(home)
    with again.client() as client:
        job = client.jobs.wait(job_id, timeout=WITHIN_S)
    assert again.key == service.key
    assert job["status"] == "succeeded", job["error"]
    first, second = job["attempts"]
    assert first["exit_kind"] == "lost_worker"
    assert second["resumed_from_step"] >= saved > 0
    assert stop(again) == 0


def test_sigterm_saves_the_job_and_leaves_nothing(service: Launched, home: Path) -> None:
    with service.client() as client:
        add_digits(client)
        job_id = client.jobs.submit(long_job(1_000_000))["id"]
        wait_for_checkpoint(client, job_id, attempt=1)

    began = time.monotonic()
    service.process.terminate()
    assert service.process.wait(30) == 0
    assert time.monotonic() - began < STOPS_WITHIN_S
    assert processes_of(home) == []
    assert not (home / "service.json").exists()
    service.process.communicate()

    again = launch(home)
    with again.client() as client:
        wait_for_checkpoint(client, job_id, attempt=2)
        drained, resumed = client.jobs.get(job_id)["attempts"]
        client.jobs.cancel(job_id)
        assert client.jobs.wait(job_id, timeout=WITHIN_S)["status"] == "cancelled"
    assert drained["exit_kind"] == "drained"
    assert resumed["resumed_from_step"] > 0
    assert stop(again) == 0


def test_the_first_key_is_there_before_the_service_is_ready_and_for_its_owner_alone(
    service: Launched, home: Path
) -> None:
    key_file = home / "admin.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert key_file.stat().st_mtime < (home / "service.json").stat().st_mtime
    assert key_file.read_text().strip() == service.key
    assert httpx.get(f"{service.url}/readyz").status_code == 200

    refused = subprocess.run([*LIMBECK, "up", "--home", home], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert f"is held by another `limbeck up` (process {service.process.pid})" in refused.stderr

    port = service.url.rpartition(":")[2]
    refused = subprocess.run(
        [*LIMBECK, "up", "--home", home.parent / "other", "--port", port],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 2
    assert f"port {port} of 127.0.0.1 cannot be used" in refused.stderr
    assert stop(service) == 0


@pytest.mark.parametrize("part", ["api", "worker", "valkey-server"])
def test_a_part_that_dies_is_started_again(service: Launched, home: Path, part: str) -> None:
    def has_part(process: psutil.Process) -> bool:
        return any(part in Path(word).name.split() for word in process.cmdline()[:4])

    victims = [process for process in service.processes() if has_part(process)]
    assert victims

    for victim in victims:
        victim.kill()
    psutil.wait_procs(victims, timeout=10)

    with service.client() as client:
        add_digits(client)
    assert [process for process in service.processes() if has_part(process)]
    assert stop(service) == 0


def test_ctrl_c_stops_it_in_order(service: Launched, home: Path) -> None:
    os.kill(service.process.pid, signal.SIGINT)

    assert service.process.wait(STOPS_WITHIN_S) == 0
    assert processes_of(home) == []
    service.process.communicate()


def test_a_home_with_a_long_path_works_too(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    service = launch(home)
    try:
        assert httpx.get(f"{service.url}/readyz").status_code == 200
    finally:
        assert stop(service) == 0
