"""Uploads are received whole, checked, and stored under an id; downloads in test_downloads.py."""

import asyncio
import fcntl
import hashlib
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.testclient import TestClient

from ledger.errors import StoreUnavailable
from ledger.settings import Settings
from tests.api.seeds import World


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of the API, not of a database."""
    return sqlite_url


CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT)


def digest(content: bytes) -> str:
    return f"sha-256=:{b64encode(hashlib.sha256(content).digest()).decode()}:"


def leftovers(settings: Settings) -> list[Path]:
    return list((settings.work_dir / "uploads").glob("*"))


def test_an_upload_is_shown_with_what_was_received(client: TestClient, settings: Settings):
    answer = client.post("/v1/files", params={"filename": "teacher.pt", "purpose": "model"}, content=CONTENT)

    file = answer.json()
    assert answer.status_code == 201
    assert file["id"].startswith("file_")
    assert (file["filename"], file["purpose"]) == ("teacher.pt", "model")
    assert (file["bytes"], file["sha256"]) == (len(CONTENT), SHA256.hexdigest())
    assert file["created_at"].endswith("Z")
    assert client.get(f"/v1/files/{file['id']}").json() == file
    assert client.get(f"/v1/files/{file['id']}/content").content == CONTENT
    assert leftovers(settings) == []


def test_the_same_bytes_twice_are_two_files(client: TestClient):
    first, second = (client.post("/v1/files", content=CONTENT).json() for _ in range(2))

    assert first["id"] != second["id"]
    assert first.keys() == second.keys()


@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
def test_a_promised_digest_is_checked(client: TestClient, settings: Settings, header: str):
    kept = client.post("/v1/files", content=CONTENT, headers={header: digest(CONTENT)})
    refused = client.post("/v1/files", content=CONTENT, headers={header: digest(b"other")})

    assert kept.status_code == 201
    assert refused.status_code == 422
    assert refused.json()["code"] == "digest_mismatch"
    assert [file["id"] for file in client.get("/v1/files").json()["data"]] == [kept.json()["id"]]
    assert leftovers(settings) == []


@pytest.mark.parametrize("value", ["sha-256=abc", "sha-256=:abc:", "sha-256=:%%%:", "sha-256="])
def test_a_malformed_digest_is_refused(client: TestClient, value: str):
    answer = client.post("/v1/files", content=CONTENT, headers={"Content-Digest": value})

    assert (answer.status_code, answer.json()["code"]) == (422, "digest_malformed")


def test_a_digest_of_another_algorithm_passes_unread(client: TestClient):
    headers = {"Repr-Digest": "sha-512=:AAAA:, unixsum=30637"}

    assert client.post("/v1/files", content=CONTENT, headers=headers).status_code == 201


def test_an_empty_body_is_refused(client: TestClient):
    answer = client.post("/v1/files", content=b"")

    assert (answer.status_code, answer.json()["code"]) == (422, "body_empty")


@pytest.mark.parametrize("filename", ["a/b", "..\\x", "\x1b[31m", "x" * 256, ""])
def test_a_file_name_that_is_more_than_a_name_is_refused(client: TestClient, filename: str):
    answer = client.post("/v1/files", params={"filename": filename}, content=CONTENT)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "filename"


def test_an_encoded_body_is_refused(client: TestClient):
    assert client.post("/v1/files", content=CONTENT, headers={"Content-Encoding": "gzip"}).status_code == 415


def _limited(app: FastAPI, monkeypatch: pytest.MonkeyPatch, at_most: int) -> None:
    settings = app.state.house.settings.model_copy(update={"max_upload_bytes": at_most})
    monkeypatch.setitem(app.state.house.__dict__, "settings", settings)


def test_a_body_above_the_limit_is_refused_by_its_promise(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    _limited(app, monkeypatch, 100)

    assert client.post("/v1/files", content=CONTENT).status_code == 413
    assert client.post("/v1/files", content=CONTENT[:100]).status_code == 201


def test_a_body_above_the_limit_is_refused_by_its_bytes(
    app: FastAPI, client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    _limited(app, monkeypatch, 100)

    answer = client.post("/v1/files", content=iter([CONTENT]))

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert leftovers(settings) == []


def test_a_full_disk_is_a_507_and_leaves_nothing(
    client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("api.receiving._write", full)

    answer = client.post("/v1/files", content=CONTENT)

    assert (answer.status_code, answer.json()["code"]) == (507, "store_full")
    assert leftovers(settings) == []
    assert client.get("/v1/files").json()["data"] == []


def test_what_a_receiver_that_died_left_goes_with_the_next_upload_and_what_another_receives_stays(
    client: TestClient, settings: Settings
):
    folder = settings.work_dir / "uploads"
    folder.mkdir(parents=True)
    dead, held, fresh = (folder / f"upload-{name}" for name in ("dead", "held", "fresh"))
    for path in (dead, held, fresh):
        path.write_bytes(b"half of it")
    for path in (dead, held):
        os.utime(path, (0, 0))
    with held.open("rb") as receiver:
        fcntl.flock(receiver, fcntl.LOCK_EX)
        assert client.post("/v1/files", content=CONTENT).status_code == 201

    assert sorted(leftovers(settings)) == [fresh, held]


def test_a_promise_that_no_disk_could_hold_is_refused_at_once(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.receiving.shutil.disk_usage", lambda folder: _Usage(free=10))

    assert client.post("/v1/files", content=CONTENT).status_code == 507


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_a_caller_who_goes_away_leaves_nothing(
    client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    async def half(*arguments: object) -> bytes:
        raise ClientDisconnect

    monkeypatch.setattr("api.receiving._next_chunk", half)

    with pytest.raises(AssertionError, match="did not receive any response"):
        client.post("/v1/files", content=CONTENT)

    assert leftovers(settings) == []
    assert client.get("/v1/files").json()["data"] == []


def test_a_stalled_body_is_given_up(client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch):
    async def silent(request: Request) -> AsyncIterator[bytes]:
        yield b"a beginning"
        await asyncio.Event().wait()

    monkeypatch.setattr(Request, "stream", silent)
    monkeypatch.setattr("api.receiving._STALLED_S", 0.05)

    answer = client.post("/v1/files", content=CONTENT)

    assert (answer.status_code, answer.json()["code"]) == (408, "upload_stalled")
    assert leftovers(settings) == []


def test_files_are_listed_newest_first_part_by_part(client: TestClient):
    ids = [client.post("/v1/files", content=b"x").json()["id"] for _ in range(5)]

    first = client.get("/v1/files", params={"limit": 2}).json()
    rest = client.get("/v1/files", params={"limit": 3, "after": first["data"][-1]["id"]}).json()

    assert [file["id"] for file in first["data"] + rest["data"]] == ids[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_a_deleted_file_is_gone(client: TestClient):
    file_id = client.post("/v1/files", content=b"x").json()["id"]

    assert client.delete(f"/v1/files/{file_id}").status_code == 204
    assert client.get(f"/v1/files/{file_id}").status_code == 404
    assert client.delete(f"/v1/files/{file_id}").status_code == 404


def test_a_file_in_use_stays_and_its_users_are_named(client: TestClient, world: World):
    model = client.post("/v1/models", json={"name": "m", "file_id": world.file_id}).json()

    answer = client.delete(f"/v1/files/{world.file_id}")

    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert answer.json()["users"] == [model["id"]]
    assert client.get(f"/v1/files/{world.file_id}").status_code == 200


def test_a_form_is_refused_because_its_envelope_is_no_file(client: TestClient):
    answer = client.post("/v1/files", files={"file": ("teacher.pt", CONTENT)})

    assert answer.status_code == 415
    assert "--data-binary" in answer.json()["detail"]


def test_an_upload_says_where_it_is(client: TestClient):
    answer = client.post("/v1/files", content=CONTENT)

    assert client.get(answer.headers["Location"]).json() == answer.json()


def test_a_store_that_is_away_is_a_503_and_no_file_is_named_whose_bytes_are_not_there(
    app: FastAPI, client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    def away(path: Path, sha256: str) -> None:
        raise StoreUnavailable("the blob store failed: no answer")

    monkeypatch.setattr(app.state.house.store, "put", away)

    answer = client.post("/v1/files", content=CONTENT)

    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/v1/files").json()["data"] == []
    assert leftovers(settings) == []
    monkeypatch.undo()
    assert client.post("/v1/files", content=CONTENT).status_code == 201
