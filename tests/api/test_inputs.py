"""Models and datasets: registered by a name, shown by version, refused with a reason."""

import pytest
from starlette.testclient import TestClient

from distill.config.events import Failed
from distill.config.networks import Input, Split
from ledger import lifecycle
from ledger.database import Sessions
from ledger.tables import Chore
from tests.api.seeds import World
from tests.ledger import builders

DIGITS = {"name": "digits-2", "builtin": "digits", "task": "image-classification"}


def test_a_registered_model_is_inspected_as_it_was_described(
    client: TestClient, sessions: Sessions, world: World
):
    body = {
        "name": "big-teacher",
        "file_id": world.file_id,
        "task": "image-classification",
        "architecture": "cnn",
        "config": {"depth": 6, "width": 32},
        "input": {"shape": [1, 8, 8], "dtype": "uint8", "layout": "CHW"},
        "preprocessing": {"scale": 0.0625, "mean": [0.5], "std": [0.25]},
        "labels": [str(digit) for digit in range(10)],
        "key_map": [{"from": "^net\\.", "to": ""}],
        "license": "Apache-2.0",
        "claims": {"accuracy": 0.99},
    }

    answer = client.post("/v1/models", json=body)

    model = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/models/{model['id']}"
    assert (model["status"], model["version"], model["architecture"]) == ("inspecting", 1, "cnn")
    assert model["input"] == {"kind": "image", "shape": [1, 8, 8], "dtype": "uint8"}
    assert (model["license"], model["claims"]) == ("Apache-2.0", {"accuracy": 0.99})
    with sessions.reading() as session:
        request = session.query(Chore.request).filter_by(subject_id=model["id"]).scalar()
    assert request["key_map"] == [["^net\\.", ""]]
    assert request["input"] == model["input"]
    assert request["preprocessing"]["scale"] == 0.0625


def test_a_table_may_have_a_column_for_each_label(client: TestClient, sessions: Sessions, world: World):
    body = {
        "name": "scenes",
        "file_id": world.file_id,
        "format": "jsonl",
        "task": "multi-label-classification",
        "columns": {"label": ["beach", "sunset"]},
    }

    answer = client.post("/v1/datasets", json=body)

    assert answer.status_code == 201
    with sessions.reading() as session:
        request = session.query(Chore.request).filter_by(subject_id=answer.json()["id"]).scalar()
    assert (request["format"], request["columns"]["label"]) == ("jsonl", ["beach", "sunset"])
    empty = client.post("/v1/datasets", json={**body, "columns": {"label": []}})
    assert [error["pointer"] for error in empty.json()["errors"]] == ["/columns/label"]


@pytest.mark.parametrize(
    ("task", "labels", "refused"),
    [
        ("regression", ["price"], None),
        ("multi-label-classification", ["beach"], None),
        ("image-classification", ["3"], "two or more"),
        ("token-classification", ["O"], "two or more"),
        (None, ["3"], "two or more"),
        ("feature-extraction", ["0", "1"], "no labels"),
    ],
)
def test_the_names_of_the_outputs_are_what_the_task_has(
    client: TestClient, world: World, task: str | None, labels: list[str], refused: str | None
):
    body = {"name": "m", "file_id": world.file_id, "task": task, "labels": labels}

    answer = client.post("/v1/models", json=body)

    if refused is None:
        assert answer.status_code == 201
    else:
        (error,) = answer.json()["errors"]
        assert error["pointer"] == "/labels"
        assert refused in error["detail"]


@pytest.mark.parametrize(
    ("task", "shape", "kind"),
    [
        ("text-classification", [128], "text"),
        ("token-classification", [128], "text"),
        ("regression", [16], "tabular"),
        ("multi-label-classification", [3, 32, 32], "image"),
        (None, [3, 32, 32], "image"),
    ],
)
def test_the_kind_of_an_input_is_that_of_the_task_or_of_its_dimensions(
    client: TestClient, world: World, task: str | None, shape: list[int], kind: str
):
    body = {"name": "m", "file_id": world.file_id, "task": task, "input": {"shape": shape}}

    assert client.post("/v1/models", json=body).json()["input"]["kind"] == kind


def test_numbers_have_a_summary_without_classes(client: TestClient, sessions: Sessions, project_id: str):
    split = Split(file="t.safetensors", sha256="0" * 64, examples=5, labeled=4, class_counts=[])
    input = Input(kind="tabular", shape=[16], dtype="float32")
    with sessions.writing() as session:
        dataset = builders.a_dataset(
            session, project_id, task="regression", labels=["price"], input=input, splits={"train": split}
        )

    shown = client.get(f"/v1/datasets/{dataset.id}").json()

    assert (shown["task"], shown["labels"]) == ("regression", ["price"])
    assert shown["splits"]["train"] == {
        "examples": 5,
        "labeled": 4,
        "class_counts": [],
        "sha256": None,
        "bytes": None,
    }


def test_a_known_name_gets_its_next_version(client: TestClient, world: World):
    first, second = (client.post("/v1/datasets", json=DIGITS).json() for _ in range(2))

    assert (first["version"], second["version"]) == (1, 2)
    assert client.get("/v1/datasets/digits-2").json()["id"] == second["id"]
    assert client.get(f"/v1/datasets/{first['id']}").json() == first


def test_a_name_means_the_newest_ready_version(client: TestClient, world: World):
    client.post("/v1/datasets", json={**DIGITS, "name": "digits"})

    assert client.get("/v1/datasets/digits").json()["id"] == world.dataset_id
    assert client.get("/v1/models/nobody").status_code == 404


def test_a_ready_dataset_shows_its_splits_and_a_preview(client: TestClient, world: World):
    dataset = client.get(f"/v1/datasets/{world.dataset_id}").json()

    assert dataset["labels"] == builders.LABELS
    assert dataset["examples"] == 300
    assert dataset["splits"]["test"]["examples"] == 100
    assert dataset["splits"]["test"]["bytes"] == 1000
    assert len(dataset["sha256"]) == 64
    preview = client.get(f"/v1/datasets/{world.dataset_id}/preview").json()
    assert preview["data"] == [{"row": 1, "label": "3", "features": [0.0, 1.0]}]


def test_what_is_inspected_still_has_no_splits_yet(client: TestClient, world: World):
    dataset_id = client.post("/v1/datasets", json=DIGITS).json()["id"]

    for part in ("preview", "splits/train/content"):
        answer = client.get(f"/v1/datasets/{dataset_id}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (409, "inputs_inspecting")
        assert answer.headers["Retry-After"]


def test_a_rejected_input_says_why_and_what_to_do(client: TestClient, sessions: Sessions, world: World):
    model_id = client.post("/v1/models", json={"name": "m", "file_id": world.file_id}).json()["id"]
    failed = Failed(
        code="keys_mismatch",
        error_class="user",
        message="the file lacks 3 keys of a cnn",
        hint="is it an mlp?",
        details={"missing": ["0.weight"]},
    )
    with sessions.writing() as session:
        claim = lifecycle.claim_chore(session, worker="w", lease_s=60)
        assert claim is not None
        lifecycle.reject(session, claim.hold, failed)

    model = client.get(f"/v1/models/{model_id}?wait=5").json()

    assert model["status"] == "rejected"
    assert model["problem"] == {
        "code": "keys_mismatch",
        "class": "user",
        "message": "the file lacks 3 keys of a cnn",
        "hint": "is it an mlp?",
        "details": {"missing": ["0.weight"]},
    }


def test_a_dataset_that_was_rejected_has_no_splits(client: TestClient, sessions: Sessions, world: World):
    dataset_id = client.post("/v1/datasets", json=DIGITS).json()["id"]
    with sessions.writing() as session:
        claim = lifecycle.claim_chore(session, worker="w", lease_s=60)
        assert claim is not None
        failed = Failed(code="one_class", error_class="data", message="every row has the label 'x'")
        lifecycle.reject(session, claim.hold, failed)

    for part in ("preview", "splits/train/content"):
        answer = client.get(f"/v1/datasets/{dataset_id}/{part}")
        assert (answer.status_code, answer.json()["code"]) == (409, "input_rejected")
        assert "every row has the label 'x'" in answer.json()["detail"]


def test_a_dataset_goes_by_its_name_wherever_it_is_read(client: TestClient, world: World):
    for part in ("", "/preview", "/splits/test/content"):
        by_name, by_id = (client.get(f"/v1/datasets/{each}{part}") for each in ("digits", world.dataset_id))
        assert by_name.status_code == 200
        assert by_name.content == by_id.content


@pytest.mark.parametrize("address", ["/v1/datasets/digits", "/v1/models/teacher"])
def test_only_a_version_is_deleted_by_its_id(client: TestClient, world: World, address: str):
    answer = client.delete(address)

    assert answer.status_code == 404
    assert "by its id" in answer.json()["detail"]
    assert client.get(address).status_code == 200


def test_what_a_job_names_stays(client: TestClient, world: World):
    for noun, thing in (("models", world.model_id), ("datasets", world.dataset_id)):
        answer = client.delete(f"/v1/{noun}/{thing}")
        assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
        assert world.job_id in answer.json()["users"]


def test_what_nobody_names_can_go(client: TestClient, world: World):
    dataset_id = client.post("/v1/datasets", json=DIGITS).json()["id"]

    assert client.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    assert client.get(f"/v1/datasets/{dataset_id}").status_code == 404


def test_lists_are_filtered_by_name_and_status(client: TestClient, world: World):
    client.post("/v1/datasets", json=DIGITS)

    def names(**filters: str) -> list[str]:
        return [each["name"] for each in client.get("/v1/datasets", params=filters).json()["data"]]

    assert names() == ["digits-2", "digits"]
    assert names(status="ready") == ["digits"]
    assert names(name="digits-2") == ["digits-2"]


def test_the_architectures_say_what_they_take(client: TestClient):
    architectures = {each["name"]: each for each in client.get("/v1/architectures").json()["data"]}

    assert set(architectures) == {"mlp", "cnn", "resnet", "huggingface"}
    assert architectures["cnn"]["config_schema"]["properties"]["depth"]["minimum"] == 2
