"""Who may do what, by the key."""

import time

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from ledger.database import Sessions
from ledger.tables import ApiKey
from tests.api.conftest import bearer


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of the API, not of a database."""
    return sqlite_url


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer nonsense", f"Bearer lmb_abcdefgh_{'x' * 43}", "Basic dTpw"],
)
def test_without_a_good_key_there_is_a_401_and_how_to_bring_one(
    client: TestClient, authorization: str | None
):
    headers = {} if authorization is None else {"Authorization": authorization}
    client.headers.pop("Authorization")

    answer = client.get("/v1/jobs", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_key_is_asked_for_before_anything_else_is_looked_at(client: TestClient):
    client.headers.pop("Authorization")

    assert client.get("/v1/jobs?limit=0&nonsense=1").status_code == 401
    assert client.post("/v1/jobs", content=b"{").status_code == 401
    assert client.post("/v1/files", content=b"").status_code == 401


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"])
def test_some_addresses_need_no_key(client: TestClient, address: str):
    client.headers.pop("Authorization")

    assert client.get(address).status_code == 200


def test_a_key_to_read_may_not_write(app: FastAPI, client: TestClient, sessions: Sessions, project_id: str):
    reader = TestClient(app, headers=bearer(sessions, project_id, scopes=["read"]))

    assert reader.get("/v1/jobs").status_code == 200
    refused = reader.post("/v1/files", content=b"x")
    assert refused.status_code == 403
    assert refused.json()["code"] == "scope_missing"
    assert client.get("/v1/files").json()["data"] == []


def test_an_expired_key_is_no_key(app: FastAPI, sessions: Sessions, project_id: str):
    expired = TestClient(app, headers=bearer(sessions, project_id, expires_at=time.time() - 1))

    assert expired.get("/v1/jobs").status_code == 401


def test_a_revoked_key_works_no_longer_than_it_is_remembered(
    client: TestClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
):
    assert client.get("/v1/jobs").status_code == 200
    with sessions.writing() as session:
        session.query(ApiKey).update({"revoked_at": time.time()})

    later = time.monotonic() + 30
    monkeypatch.setattr("api.auth.time.monotonic", lambda: later)

    assert client.get("/v1/jobs").status_code == 401
