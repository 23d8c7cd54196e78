"""The topology of docker-compose.yml as real processes: PostgreSQL, Redis, two workers, all the rest."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from limbeck import Client, vouched
from limbeck.verification import verify
from tests.acceptance.topology import Topology, grace_s

TEACHER = {
    "architecture": "cnn",
    "config": {"depth": 4, "width": 16},
    "training": {"epochs": 6, "batch_size": 64, "optimizer": {"kind": "adamw", "learning_rate": 5e-3}},
}
JOB = {
    "version": 1,
    "name": "digits",
    "task": "image-classification",
    "teacher": {"train": TEACHER},
    "dataset": "digits",
    "labels": {"count": 100},
    "student": {"architecture": "mlp", "config": {"depth": 2, "width": 16}},
    "losses": [
        {"kind": "soft_target", "weight": 0.9, "temperature": 4.0},
        {"kind": "hard_target", "weight": 0.1},
    ],
    "training": {"epochs": 20, "batch_size": 64, "optimizer": {"kind": "adamw", "learning_rate": 5e-3}},
}
WITHIN_S = 100.0


@pytest.fixture
def topology(postgresql_server, broker_url: str, tmp_path: Path) -> Iterator[Topology]:
    """Everything up, with two workers; the database is as empty as a new volume."""
    with postgresql_server.database() as url:
        topology = Topology(
            tmp_path, url.render_as_string(hide_password=False), broker_url, scale={"worker": 2}
        )
        try:
            topology.up()
            yield topology
        finally:
            topology.kill()


@pytest.mark.timeout(300)
def test_two_workers_share_the_jobs_and_everything_stops_in_time(topology: Topology, tmp_path: Path) -> None:
    with Client(topology.url, topology.key, retry_for=60.0) as client:
        dataset = client.datasets.create(name="digits", builtin="digits", task="image-classification")
        assert client.datasets.wait(dataset["id"], timeout=WITHIN_S)["status"] == "ready"
        submitted = [client.jobs.submit(JOB), client.jobs.submit(JOB)]

        jobs = [client.jobs.wait(job["id"], timeout=WITHIN_S) for job in submitted]

        assert [job["status"] for job in jobs] == ["succeeded"] * 2, [job["error"] for job in jobs]
        assert all(job["result"]["student"]["accuracy"] > 0.5 for job in jobs)
        assert len({job["attempts"][0]["worker"] for job in jobs}) == 2
        pulled = client.jobs.pull(jobs[0]["id"], tmp_path / "student")
        assert {"student.safetensors", "load.py"} <= {artifact["filename"] for artifact in pulled}
        (key,) = client.signing_keys()
        (tmp_path / "service.pem").write_text(key["public_key"])
        assert verify(tmp_path / "student", [vouched.of_file(tmp_path / "service.pem")]).holds
        ready = httpx.get(f"{topology.url}/readyz")
        assert ready.status_code == 200, ready.text

    for name, seconds in topology.down().items():
        assert seconds < grace_s(name), name
