"""Other formats of a finished student over HTTP."""

import pytest
from starlette.testclient import TestClient

from distill.config.events import StudentExported
from ledger import lifecycle
from ledger.database import Sessions
from ledger.lifecycle import KeptArtifact
from tests.api.seeds import World
from tests.ledger.builders import a_dataset, a_student, kept_blob, sha256_of, taken

FILES = {"student.safetensors": sha256_of("weights")}
BLOCK = {"status": "failed", "reason": "accuracy falls by 0.02", "match": 0.97, "latency_ms": None}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of the API; `tests.ledger` asks both databases the same."""
    return sqlite_url


@pytest.fixture
def student(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        for word in ("weights", "split"):
            kept_blob(session, word)
    a_student(sessions, project_id, files=FILES)


def test_an_export_is_asked_for_waited_for_and_listed(
    client: TestClient, sessions: Sessions, student: None
) -> None:
    asked = client.post("/v1/models/s/exports", json={"format": "onnx-int8", "max_drop": 0.01})

    assert asked.status_code == 202
    told = asked.json()
    assert (told["status"], told["format"], told["export"]) == ("queued", "onnx-int8", None)
    assert asked.headers["Location"] == f"/v1/models/{told['model_id']}/exports/{told['id']}"

    claim = taken(sessions)
    with sessions.writing() as session:
        sha256 = kept_blob(session, "int8")
        file = KeptArtifact("export", "onnx-int8", "student-int8.onnx", "application/octet-stream", sha256, 4)
        event = StudentExported(export=BLOCK, artifacts=[])
        lifecycle.finish_late_export(session, claim.hold, event, [file])

    found = client.get(asked.headers["Location"], params={"wait": 1}).json()
    assert (found["status"], found["export"], found["problem"]) == ("failed", BLOCK, None)
    assert [file["filename"] for file in found["artifacts"]] == ["student-int8.onnx"]
    assert client.get("/v1/models/s/exports").json() == {"data": [found], "has_more": False}


def test_the_same_request_under_its_key_is_answered_once(client: TestClient, student: None) -> None:
    key = {"Idempotency-Key": "again"}
    first = client.post("/v1/models/s/exports", json={"format": "onnx"}, headers=key)
    again = client.post("/v1/models/s/exports", json={"format": "onnx"}, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/format"), ({"format": "tflite"}, "/format"), ({"format": "onnx", "max_drop": 0.1}, "/max_drop")],
)
def test_a_format_that_cannot_be_is_refused_with_its_place(
    client: TestClient, student: None, body: dict[str, object], pointer: str
) -> None:
    refused = client.post("/v1/models/s/exports", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


def test_an_upload_is_not_exported_and_what_broke_off_says_why(client: TestClient, world: World) -> None:
    refused = client.post(f"/v1/models/{world.model_id}/exports", json={"format": "onnx"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_exportable")
    broken = client.get(f"/v1/models/{world.model_id}/exports/{world.export_id}").json()
    assert (broken["status"], broken["problem"]["code"]) == ("failed", "export_crashed")
    assert client.get(f"/v1/models/{world.model_id}/exports/chr_1").status_code == 404
