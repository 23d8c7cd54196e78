"""What load balancers and monitoring see."""

import pytest
from fastapi import FastAPI
from redis import RedisError
from starlette.testclient import TestClient

from ledger.database import Sessions
from ledger.queue import Doorbell
from ledger.tables import Lease
from ledger.workers import announce
from tests.api.seeds import World


def _announce(sessions: Sessions) -> None:
    with sessions.writing() as session:
        announce(
            session,
            name="w1",
            lanes=["cpu", "chores"],
            slots=1,
            devices=[],
            memory_bytes=2**30,
            sandbox="bubblewrap",
        )


def test_a_ready_service_has_really_used_each_of_its_parts(client: TestClient, sessions: Sessions):
    _announce(sessions)

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "broker": "ok", "store": "ok"}
    assert answer.json()["workers"] == [{"name": "w1", "lanes": ["cpu", "chores"], "sandbox": "bubblewrap"}]
    with sessions.reading() as session:
        assert session.get(Lease, "readiness") is not None


@pytest.mark.parametrize("part", ["broker", "store", "database"])
def test_a_part_that_is_broken_is_named(app: FastAPI, client: TestClient, monkeypatch, part: str):
    def broken(*arguments: object, **options: object) -> None:
        raise RedisError("secret address")

    owner, name = {
        "broker": (Doorbell, "ping"),
        "store": (type(app.state.house.store), "probe"),
        "database": (Sessions, "writing"),
    }[part]
    monkeypatch.setattr(owner, name, broken)

    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.json()["checks"][part] == "failed: RedisError"
    assert "secret" not in answer.text
    assert answer.headers["Retry-After"]
    assert client.get("/healthz").status_code == 200


def test_asking_often_does_not_write_often(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(Doorbell, "ping", lambda bell: asked.append(1))
    monkeypatch.setattr("api.readiness._REMEMBERED_S", 60.0)

    for _ in range(5):
        client.get("/readyz")

    assert asked == [1]


def test_the_figures_are_prometheus_text(client: TestClient, sessions: Sessions, world: World):
    _announce(sessions)
    client.get(f"/v1/jobs/{world.job_id}")
    client.get("/v1/nowhere")

    figures = client.get("/metrics").text.splitlines()

    assert 'limbeck_jobs{status="succeeded"} 1.0' in figures
    assert 'limbeck_jobs{status="queued"} 1.0' in figures
    assert 'limbeck_jobs{status="failed"} 0.0' in figures
    assert 'limbeck_workers{lane="cpu"} 1.0' in figures
    assert 'limbeck_workers{lane="gpu"} 0.0' in figures
    assert 'limbeck_doorbell_waiting{lane="cpu"} 0.0' in figures
    assert 'limbeck_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="200"} 1.0' in figures
    assert any('route="unmatched",status="404"' in line for line in figures)


def test_figures_come_while_the_broker_is_away(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    def away(bell: Doorbell, lane: str) -> int:
        raise RedisError

    monkeypatch.setattr(Doorbell, "waiting", away)

    assert 'limbeck_doorbell_waiting{lane="cpu"} NaN' in client.get("/metrics").text


def test_workers_are_listed_with_their_sandbox(client: TestClient, sessions: Sessions):
    _announce(sessions)

    (worker,) = client.get("/v1/workers").json()["data"]

    assert (worker["name"], worker["sandbox"], worker["slots"]) == ("w1", "bubblewrap", 1)
