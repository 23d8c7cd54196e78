"""`limbeck up`: one home, real processes, and what is left of them."""

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import httpx
import psutil
import pytest

from limbeck import Client
from tests.acceptance.conftest import Launch
from tests.acceptance.launched import (
    LIMBECK,
    WITHIN_S,
    Launched,
    add_digits,
    long_job,
    processes_of,
    stop,
    wait_until_gone,
)

pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(300)]

STOPS_WITHIN_S = 15.0


def start_job(service: Launched, steps: int) -> str:
    """The id of a job that has saved its first checkpoint of the student."""
    with service.client() as client:
        add_digits(client)
        job_id = client.jobs.submit(long_job(steps))["id"]
        wait_for_checkpoint(client, job_id, attempt=1)
        return job_id


def wait_for_checkpoint(client: Client, job_id: str, *, attempt: int) -> None:
    for event in client.jobs.events(job_id):
        if (
            event["type"] == "checkpoint"
            and event["data"]["run"] == "student"
            and event["attempt"] == attempt
        ):
            return
    raise AssertionError(f"attempt {attempt} wrote no checkpoint: {client.jobs.get(job_id)['error']}")


def test_a_job_outlives_kill_9_of_everything(launched: Launch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    service = launched(home)
    job_id = start_job(service, steps=2_000)
    assert any("distill" in process.cmdline() for process in service.processes())

    for process in service.processes():
        process.kill()
    assert wait_until_gone(home, 5) == []

    again = launched(home)
    with again.client() as client:
        job = client.jobs.wait(job_id, timeout=WITHIN_S)
    assert job["status"] == "succeeded", job["error"]
    first, second = job["attempts"]
    assert first["exit_kind"] == "lost_worker"
    assert second["resumed_from_step"] > 0
    assert again.key == service.key
    assert stop(again) == 0
    assert processes_of(home) == []


def test_everything_dies_with_a_launcher_that_is_killed(launched: Launch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    service = launched(home)
    start_job(service, steps=1_000_000)

    service.process.kill()

    assert wait_until_gone(home, 5) == []


def test_sigterm_saves_the_job_and_leaves_nothing(launched: Launch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    service = launched(home)
    job_id = start_job(service, steps=1_000_000)

    began = time.monotonic()
    assert stop(service) == 0
    assert time.monotonic() - began < STOPS_WITHIN_S
    assert processes_of(home) == []
    assert not (home / "service.json").exists()

    again = launched(home)
    with again.client() as client:
        wait_for_checkpoint(client, job_id, attempt=2)
        client.jobs.cancel(job_id)
        job = client.jobs.wait(job_id, timeout=WITHIN_S)
    assert job["status"] == "cancelled"
    drained, resumed = job["attempts"]
    assert drained["exit_kind"] == "drained"
    assert resumed["resumed_from_step"] > 0


def test_ctrl_c_stops_a_home_with_a_long_path_too(launched: Launch, tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    service = launched(home)
    assert httpx.get(f"{service.url}/readyz").status_code == 200

    os.kill(service.process.pid, signal.SIGINT)

    assert service.process.wait(STOPS_WITHIN_S) == 0
    assert processes_of(home) == []


def test_the_first_key_is_for_its_owner_alone_and_older_than_readiness(standing: Launched) -> None:
    key_file = standing.home / "admin.key"

    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert key_file.stat().st_mtime < (standing.home / "service.json").stat().st_mtime
    assert key_file.read_text().strip() == standing.key


def test_the_key_that_signs_is_for_its_owner_alone_and_its_public_part_is_shown(standing: Launched) -> None:
    assert stat.S_IMODE((standing.home / "signing.key").stat().st_mode) == 0o600
    with standing.client() as client:
        (key,) = client.signing_keys()
    assert key["public_key"].startswith("-----BEGIN PUBLIC KEY-----")


def test_a_home_and_a_port_that_are_taken_are_sentences(standing: Launched, tmp_path: Path) -> None:
    port = standing.url.rpartition(":")[2]

    held = subprocess.run([*LIMBECK, "up", "--home", standing.home], capture_output=True, text=True)
    taken = subprocess.run(
        [*LIMBECK, "up", "--home", tmp_path, "--port", port], capture_output=True, text=True
    )

    assert held.returncode == taken.returncode == 2
    assert f"is held by another `limbeck up` (process {standing.process.pid})" in held.stderr
    assert f"port {port} of 127.0.0.1 cannot be used" in taken.stderr


def test_parts_that_die_are_started_again(standing: Launched) -> None:
    def parts() -> list[psutil.Process]:
        return [
            process
            for process in standing.processes()
            if process.name() == "valkey-server" or {"api", "worker"} & set(process.cmdline())
        ]

    killed = parts()
    assert len(killed) >= 4
    for process in killed:
        process.kill()
    psutil.wait_procs(killed, timeout=10)

    with standing.client() as client:
        add_digits(client)
    assert not {process.pid for process in killed} & {process.pid for process in parts()}
