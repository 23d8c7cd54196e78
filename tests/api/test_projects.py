"""What one project has, another can neither see, count nor change."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.seeds import World
from tests.ledger.builders import raw_document

SHARED = {"/v1/architectures", "/v1/signing-key", "/v1/workers"}
"""The same for everybody."""
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("/v1/jobs/{job_id}", "PATCH"): {},
    ("/v1/models/{name}/aliases/{alias}", "PUT"): {"version": 1},
    ("/v1/models/{model_id}/exports", "POST"): {"format": "onnx"},
}
"""Good ones: a bad one is refused before anything is looked for."""
CREATES = {"/v1/files", "/v1/models", "/v1/datasets", "/v1/jobs"}


def operations(client: TestClient) -> list[tuple[str, str]]:
    """Every method and address template that needs a key, so that none can be forgotten here."""
    paths = client.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), template)
        for template, operations in paths.items()
        for method in operations
        if template.startswith("/v1/")
    ]


def test_a_stranger_meets_404_or_nothing_at_every_endpoint(
    client: TestClient, stranger: TestClient, world: World
):
    for method, template in operations(client):
        address = template.format_map(_Parameters(world))
        body = {"json": BODIES[template, method]} if (template, method) in BODIES else {}
        answer = stranger.request(method, address, **body)
        if "{" in template:
            assert answer.status_code == 404, (method, template, answer.text)
        elif method == "GET" and template not in SHARED:
            assert answer.json() == {"data": [], "has_more": False}, template
        else:
            assert (method == "POST" and template in CREATES) or template in SHARED, (method, template)
    for name in ("job_id", "queued_job_id"):
        assert client.get(f"/v1/jobs/{world[name]}").status_code == 200
    assert client.get(f"/v1/files/{world.file_id}").status_code == 200


def test_the_owner_meets_something_at_every_endpoint(client: TestClient, world: World):
    for method, template in operations(client):
        if method == "GET":
            answer = client.get(template.format_map(_Parameters(world)))
            assert answer.status_code == 200, (template, answer.text)


def test_what_is_absent_and_what_is_anothers_look_the_same(stranger: TestClient, world: World):
    absent = world.job_id[:-4] + "0000"

    def answer(job_id: str) -> dict[str, Any]:
        body = stranger.get(f"/v1/jobs/{job_id}").json()
        del body["request_id"]
        return {name: str(value).replace(job_id, "...") for name, value in body.items()}

    assert answer(world.job_id) == answer(absent)


@pytest.mark.parametrize("field", ["teacher", "dataset"])
def test_a_stranger_cannot_use_what_is_anothers(stranger: TestClient, world: World, field: str):
    digits = {"name": "d", "builtin": "digits", "task": "image-classification"}
    document = raw_document(dataset=stranger.post("/v1/datasets", json=digits).json()["id"])
    document |= {"teacher": world.model_id} if field == "teacher" else {"dataset": world.dataset_id}

    answer = stranger.post("/v1/jobs", json=document)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"]


def test_a_stranger_cannot_register_anothers_file(stranger: TestClient, world: World):
    answer = stranger.post("/v1/models", json={"name": "m", "file_id": world.file_id})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/file_id"


class _Parameters(dict):
    def __init__(self, world: World) -> None:
        self._world = world

    def __missing__(self, name: str) -> str:
        return self._world[name]
