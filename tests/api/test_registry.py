"""Versions, aliases and lineage over HTTP."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger import lifecycle, queries
from ledger.database import Sessions
from ledger.files import Store
from ledger.lifecycle import KeptArtifact
from ledger.tables import Job, Model
from tests.api.seeds import World, kept
from tests.ledger.builders import (
    a_dataset,
    a_model,
    a_student,
    claimed,
    finished,
    kept_blob,
    network,
    submitted,
)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of the API; `tests.ledger` asks both databases the same."""
    return sqlite_url


@pytest.fixture
def line(sessions: Sessions, project_id: str) -> list[str]:
    """Ids of the versions of `s`: an upload, and a student that failed a gate."""
    with sessions.writing() as session:
        a_dataset(session, project_id)
        upload = a_model(session, project_id, name="s")
    gate = {"metric": "accuracy", "on": "student", "min": 0.9, "verdict": "failed"}
    a_student(sessions, project_id, conclusion="gate_failed", result={"student": {}, "gates": [gate]})
    with sessions.reading() as session:
        return [upload.id, queries.find_model(session, project_id, "s").id]


def put(client: TestClient, body: dict[str, Any], **options: Any) -> Any:
    return client.put("/v1/models/s/aliases/production", json=body, **options)


def test_an_alias_is_moved_read_listed_and_removed(client: TestClient, line: list[str]) -> None:
    moved = put(client, {"version": 1, "reason": "first release"})

    assert moved.status_code == 200
    told = moved.json()
    assert told["moved_by"].startswith("key_")
    assert {name: told[name] for name in ("object", "name", "alias", "model_id", "version", "moves")} == {
        "object": "alias",
        "name": "s",
        "alias": "production",
        "model_id": line[0],
        "version": 1,
        "moves": 1,
    }
    assert (told["reason"], told["forced"]) == ("first release", False)
    assert client.get("/v1/models/s/aliases/production").json() == told
    assert client.get("/v1/models/s/aliases").json() == {"data": [told], "has_more": False}
    assert client.get("/v1/models/s@production").json()["aliases"] == ["production"]

    assert client.delete("/v1/models/s/aliases/production").status_code == 204
    for gone in ("/v1/models/s/aliases/production", "/v1/models/s@production"):
        assert client.get(gone).status_code == 404
    assert client.get("/v1/models/s@production").json()["detail"] == "There is no alias 's@production'."
    history = client.get("/v1/models/s/aliases/production/history").json()["data"]
    assert [(move["number"], move["model_id"]) for move in history] == [(2, None), (1, line[0])]


def test_versions_are_listed_newest_first_with_what_became_of_each(
    client: TestClient, line: list[str]
) -> None:
    put(client, {"model": line[0]})
    first = client.get("/v1/models/s/versions?limit=1").json()
    assert first["has_more"]
    rest = client.get(f"/v1/models/s/versions?after={first['data'][0]['id']}").json()
    told = [
        (model["version"], model["conclusion"], model["aliases"]) for model in (*first["data"], *rest["data"])
    ]
    assert told == [(2, "gate_failed", []), (1, None, ["production"])]
    assert client.get("/v1/models/nobody/versions").status_code == 404


def test_gates_that_were_not_passed_are_named_and_force_needs_a_reason(
    client: TestClient, line: list[str]
) -> None:
    refused = put(client, {"version": 2})
    assert (refused.status_code, refused.json()["code"]) == (409, "gates_not_passed")
    assert refused.json()["gates"][0]["metric"] == "accuracy"
    assert "accuracy on student is failed" in refused.json()["detail"]

    silent = put(client, {"version": 2, "force": True})
    assert (silent.status_code, silent.json()["errors"][0]["pointer"]) == (422, "/reason")

    forced = put(client, {"version": 2, "force": True, "reason": "the test split changed"})
    assert (forced.status_code, forced.json()["forced"]) == (200, True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "one_version"),
        ({"version": 1, "model": "s"}, "one_version"),
        ({"version": 9}, "unknown_version"),
        ({"model": "mdl_9"}, "unknown_model"),
        ({"version": 1, "forced": True}, "unknown_field"),
    ],
)
def test_a_body_that_names_no_version_is_refused(
    client: TestClient, line: list[str], body: dict[str, Any], code: str
) -> None:
    refused = put(client, body)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, code)


def test_an_alias_is_spelled_like_a_name(client: TestClient, line: list[str]) -> None:
    refused = client.put("/v1/models/s/aliases/Not%20a%20name", json={"version": 1})
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "alias")


def test_the_same_request_under_its_key_moves_once(client: TestClient, line: list[str]) -> None:
    key = {"Idempotency-Key": "release-7"}
    first = put(client, {"version": 1}, headers=key)
    put(client, {"version": 2, "force": True, "reason": "newer"})

    again = put(client, {"version": 1}, headers=key)

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert client.get("/v1/models/s/aliases/production").json()["version"] == 2
    assert put(client, {"version": 2}, headers=key).status_code == 422


def test_what_an_alias_points_to_cannot_be_deleted(client: TestClient, line: list[str]) -> None:
    put(client, {"version": 2, "force": True, "reason": "for this test"})
    job_id = client.get(f"/v1/models/{line[1]}").json()["job_id"]
    for address in (f"/v1/models/{line[1]}", f"/v1/jobs/{job_id}"):
        refused = client.delete(address)
        assert (refused.status_code, refused.json()["users"]) == (409, ["s@production"])
    client.delete("/v1/models/s/aliases/production")
    assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert client.delete(f"/v1/models/{line[1]}").status_code == 204


def test_a_file_in_a_folder_is_saved_under_its_own_name(
    client: TestClient, sessions: Sessions, world: World, store: Store, project_id: str, tmp_path: Any
) -> None:
    sha256 = kept(sessions, store, b"{}", tmp_path / "aside.json")
    config = KeptArtifact("export", "huggingface", "huggingface/config.json", "application/json", sha256, 2)
    job = ended(sessions, project_id, "s", artifacts=[config])

    artifact = client.get(f"/v1/jobs/{job.id}/artifacts").json()["data"][0]
    answer = client.get(f"/v1/artifacts/{artifact['id']}/content")

    assert artifact["filename"] == "huggingface/config.json"
    said = "attachment; filename=\"config.json\"; filename*=UTF-8''config.json"
    assert (answer.status_code, answer.headers["Content-Disposition"]) == (200, said)


def ended(
    sessions: Sessions, project_id: str, output: str, *, artifacts: list[KeptArtifact], **document: Any
) -> Job:
    """A job that has succeeded, whose student is the next version of `output`."""
    with sessions.writing() as session:
        submitted(session, project_id, output={"name": output}, priority=9, **document)
        hold = claimed(session).hold
        return lifecycle.succeed(session, hold, finished=finished(student=network()), artifacts=artifacts)


def arrows(answer: dict[str, Any]) -> set[tuple[str, str, str]]:
    """The edges, with what they join in words: `teacher v1`, or the format of an export."""
    words = {
        node["id"]: node["format"]
        or (f"{node['name']} v{node['version']}" if node["version"] else node["name"])
        for node in answer["nodes"]
    }
    return {(words[edge["source"]], edge["role"], words[edge["target"]]) for edge in answer["edges"]}


@pytest.fixture
def family(sessions: Sessions, project_id: str) -> list[Model]:
    """Three generations: `big` teaches `middle`, `middle` teaches `small`; `other` learned from nobody."""
    with sessions.writing() as session:
        a_dataset(session, project_id)
        big = a_model(session, project_id, name="big")
        onnx = kept_blob(session, "onnx")
    export = KeptArtifact("export", "onnx", "student.onnx", "application/octet-stream", onnx, 4)
    gates = [{"metric": "accuracy", "relative_to": "middle", "min": 0.9}]
    ended(sessions, project_id, "middle", name="first", teacher="big", artifacts=[export])
    ended(sessions, project_id, "small", name="second", teacher="middle", gates=gates, artifacts=[export])
    ended(sessions, project_id, "other", name="third", artifacts=[])
    with sessions.reading() as session:
        return [big, *(queries.find_model(session, project_id, name) for name in ("middle", "small"))]


FIRST = {("big v1", "teacher", "first"), ("digits v1", "dataset", "first"), ("first", "student", "middle v1")}
SECOND = {
    ("middle v1", "teacher", "second"),
    ("middle v1", "incumbent", "second"),
    ("second", "student", "small v1"),
}


def test_lineage_can_be_walked_from_any_of_its_models(client: TestClient, family: list[Model]) -> None:
    big, middle, small = (client.get(f"/v1/models/{model.id}/lineage").json() for model in family)

    exports = {("middle v1", "export", "onnx"), ("small v1", "export", "onnx")}
    assert arrows(big) == FIRST - {("digits v1", "dataset", "first")} | SECOND | exports
    assert arrows(middle) == FIRST | SECOND | exports | {("digits v1", "dataset", "second")}
    assert arrows(small) == FIRST | SECOND | {
        ("digits v1", "dataset", "second"),
        ("small v1", "export", "onnx"),
    }
    assert small["of"] == family[2].id
    assert not small["truncated"]


def test_the_lineage_of_a_dataset_is_all_that_was_learned_from_it(
    client: TestClient, family: list[Model]
) -> None:
    found = client.get("/v1/datasets/digits/lineage").json()

    learned = {("digits v1", "dataset", job) for job in ("first", "second", "third")}
    assert learned | SECOND | {("third", "student", "other v1")} <= arrows(found)
    assert ("big v1", "teacher", "first") not in arrows(found)
    assert {node["kind"] for node in found["nodes"]} == {"dataset", "job", "model", "export"}


def test_a_student_remembers_a_job_that_is_gone(client: TestClient, family: list[Model]) -> None:
    small = family[2]
    assert client.delete(f"/v1/jobs/{small.job_id}").status_code == 204
    found = client.get(f"/v1/models/{small.id}/lineage").json()
    told = {node["id"]: (node["kind"], node["status"]) for node in found["nodes"]}
    assert told == {small.id: ("model", "ready"), small.job_id: ("job", "deleted")}
    assert found["edges"] == [{"source": small.job_id, "target": small.id, "role": "student"}]


def test_a_lineage_that_is_too_long_says_so(
    client: TestClient, family: list[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.queries.lineage._MOST", 3)
    found = client.get("/v1/datasets/digits/lineage").json()
    assert (len(found["nodes"]), found["truncated"]) == (3, True)
    ids = {node["id"] for node in found["nodes"]}
    assert all({edge["source"], edge["target"]} <= ids for edge in found["edges"])
