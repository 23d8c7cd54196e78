"""A POST that creates, sent twice under one key, creates once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.once import Once
from ledger.database import Sessions
from ledger.tables import IdempotencyKey
from tests.api.seeds import World, answer_the_dry_run
from tests.ledger.builders import raw_document

DATASET = {"name": "new", "builtin": "digits", "task": "image-classification"}
KEY = {"Idempotency-Key": "once-1"}


def bodies(world: World) -> dict[str, dict]:
    return {
        "/v1/files": {"content": b"bytes"},
        "/v1/models": {"json": {"name": "m", "file_id": world.file_id}},
        "/v1/datasets": {"json": DATASET},
        "/v1/jobs": {"json": raw_document()},
        f"/v1/jobs/{world.job_id}/clone": {},
    }


@pytest.mark.parametrize("number", range(5))
def test_the_same_request_gets_the_first_answer_again(client: TestClient, world: World, number: int):
    address, body = list(bodies(world).items())[number]

    first = client.post(address, headers=KEY, **body)
    again = client.post(address, headers=KEY, **body)
    other_key = client.post(address, headers={"Idempotency-Key": "once-2"}, **body)

    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers.get("Location") == first.headers.get("Location")
    assert other_key.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("number", range(4))
def test_the_same_key_with_another_body_is_refused(client: TestClient, world: World, number: int):
    address, body = list(bodies(world).items())[number]
    other = {"content": b"others"} if "content" in body else {"json": {**body["json"], "name": "else"}}
    client.post(address, headers=KEY, **body)

    answer = client.post(address, headers=KEY, **other)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


def test_another_query_is_another_request(client: TestClient):
    client.post("/v1/files?filename=a", headers=KEY, content=b"bytes")

    assert client.post("/v1/files?filename=b", headers=KEY, content=b"bytes").status_code == 422


def test_the_key_of_another_project_is_another_key(client: TestClient, stranger: TestClient):
    mine = client.post("/v1/datasets", headers=KEY, json=DATASET).json()
    theirs = stranger.post("/v1/datasets", headers=KEY, json=DATASET)

    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine["id"]


def test_a_refused_request_is_refused_again_in_the_same_words(client: TestClient):
    wrong = {**DATASET, "builtin": "moons"}
    first = client.post("/v1/datasets", headers=KEY, json=wrong)
    again = client.post("/v1/datasets", headers=KEY, json=wrong)
    mended = client.post("/v1/datasets", headers=KEY, json=DATASET)

    assert (first.status_code, again.status_code, mended.status_code) == (422, 422, 422)
    assert again.json() == first.json()
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert mended.json()["code"] == "idempotency_mismatch"


def test_a_failure_of_ours_is_not_kept(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr("ledger.catalog.register_dataset", lambda *a, **k: 1 / 0)
        assert client.post("/v1/datasets", headers=KEY, json=DATASET).status_code == 500

    answer = client.post("/v1/datasets", headers=KEY, json=DATASET)

    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers


def test_a_conflict_is_not_kept(client: TestClient, world: World):
    address = f"/v1/jobs/{world.queued_job_id}/clone"
    assert client.post(address, headers=KEY).status_code == 409
    client.post(f"/v1/jobs/{world.queued_job_id}/cancel")

    assert client.post(address, headers=KEY).status_code == 201


def test_of_many_at_once_one_creates_and_the_others_wait_or_hear_of_it(client: TestClient):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/datasets", headers=KEY, json=DATASET), range(8)))

    created = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    waiting = [answer for answer in answers if answer.status_code != 201]
    assert len(created) == 1
    assert all(answer.json()["code"] == "idempotency_in_flight" for answer in waiting)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in waiting)
    assert len(client.get("/v1/datasets").json()["data"]) == 1


@pytest.mark.parametrize("address", ["/v1/datasets", "/v1/files"])
def test_after_a_crash_the_next_try_proceeds_once_the_lease_is_over(
    client: TestClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch, address: str
):
    body = {"content": b"bytes"} if address == "/v1/files" else {"json": DATASET}
    with monkeypatch.context() as patch:  # a process that dies gives nothing back
        patch.setattr(Once, "failed", lambda *a: None)
        patch.setattr(Once, "keep", lambda *a, **k: 1 / 0)
        assert client.post(address, headers=KEY, **body).status_code == 500

    in_flight = client.post(address, headers=KEY, **body)
    with sessions.writing() as session:
        session.query(IdempotencyKey).update({"lease_expires_at": 1.0})
    proceeds = client.post(address, headers=KEY, **body)

    assert (in_flight.status_code, in_flight.json()["code"]) == (409, "idempotency_in_flight")
    assert proceeds.status_code == 201
    assert len(client.get(address).json()["data"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_a_key_that_is_no_key_is_refused(client: TestClient, key: str):
    answer = client.post("/v1/datasets", headers={"Idempotency-Key": key}, json=DATASET)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"


def test_a_dry_run_leaves_the_key_free(
    app: FastAPI, client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.planning._PATIENCE_S", 0.0)
    dry = client.post("/v1/jobs?dry_run=true", headers=KEY, json=raw_document())

    assert dry.status_code == 503
    assert client.post("/v1/jobs", headers=KEY, json=raw_document()).status_code == 201


def test_a_dry_run_that_was_answered_leaves_the_key_free_too(
    client: TestClient, sessions: Sessions, project_id: str, world: World
):
    answer_the_dry_run(sessions, project_id)
    dry, again = (client.post("/v1/jobs?dry_run=true", headers=KEY, json=raw_document()) for _ in range(2))

    assert (dry.status_code, again.status_code) == (200, 200)
    assert client.post("/v1/jobs", headers=KEY, json=raw_document()).status_code == 201
