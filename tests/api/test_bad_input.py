"""Bad input gets a sentence at its place, before anything is stored or trained."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.database import Sessions
from tests.api.seeds import World
from tests.ledger import builders
from tests.ledger.builders import raw_document

DIGITS = {"name": "digits-2", "builtin": "digits", "task": "image-classification"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of the API, not of a database."""
    return sqlite_url


@pytest.mark.parametrize(
    "name", ["", "Upper", "a b", "-a", "job_x", "mdl_01", "dst_", "a" * 65, "ä", "a/b", "a\n", 7]
)
def test_a_name_that_cannot_be_is_refused(client: TestClient, world: World, name: Any):
    dataset = client.post("/v1/datasets", json={**DIGITS, "name": name})
    job = client.post("/v1/jobs", json=raw_document(name=name, output={"name": name}))

    assert dataset.status_code == job.status_code == 422
    assert [error["pointer"] for error in dataset.json()["errors"]] == ["/name"]
    assert [error["pointer"] for error in job.json()["errors"]] == ["/name", "/output/name"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"file_id": "file_nope"}, "/file_id"),
        ({"architecture": "transformer"}, "/architecture"),
        ({"architecture": "cnn", "config": {"depht": 3}}, "/config/depht"),
        ({"architecture": "cnn", "config": {"depth": 0}}, "/config/depth"),
        ({"input": {"shape": []}}, "/input/shape"),
        ({"input": {"shape": [64]}, "task": "image-classification"}, "/input"),
        ({"input": {"shape": [8, 8]}}, "/input"),
        ({"input": {"shape": [1, 8, 8], "layout": "HWC"}}, "/input/layout"),
        ({"labels": ["a", "a"]}, "/labels"),
        ({"key_map": [{"from": "(", "to": ""}]}, "/key_map/0/from"),
        ({"preprocessing": {"std": [0]}}, "/preprocessing/std/0"),
        ({"preprocessing": {"tokenizer": "abc"}}, "/preprocessing/tokenizer"),
        ({"format": "onnx"}, "/format"),
        ({"source": {"uri": "https://example.org/x"}}, "/source"),
        ({"claims": {"accuracy": 2}}, "/claims/accuracy"),
        ({"lables": ["a", "b"]}, "/lables"),
    ],
)
def test_a_wrong_description_of_a_model_is_refused_at_its_place(
    client: TestClient, world: World, change: dict[str, Any], pointer: str
):
    answer = client.post("/v1/models", json={"name": "m", "file_id": world.file_id, **change})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"task": "text-generation"}, "/task"),
        ({"builtin": None}, ""),
        ({"file_id": "file_x"}, ""),
        ({"builtin": "moons"}, "/builtin"),
        ({"format": "parquet"}, "/format"),
        ({"split": {"train": 0.5, "validation": 0.2}}, "/split"),
        ({"split": {"train": 0.5, "validation": 0.2, "test": 0.2}}, "/split"),
        ({"split": {"train": "file_a"}}, "/split/train"),
        ({"split": {"column": "split", "train": 0.5}}, "/split"),
        ({"columns": {"image": "path"}}, "/columns/image"),
        ({"columns": {"lable": "y"}}, "/columns/lable"),
    ],
)
def test_a_wrong_description_of_a_dataset_is_refused_at_its_place(
    client: TestClient, change: dict[str, Any], pointer: str
):
    answer = client.post("/v1/datasets", json={**DIGITS, **change})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"losses": [{"kind": "soft_target", "temperature": 0}]}, "/losses/0/temperature"),
        ({"losses": [{"kind": "soft_target", "temperature": -1}]}, "/losses/0/temperature"),
        ({"losses": [{"kind": "hint", "layers": []}]}, "/losses/0/layers"),
        ({"losses": [{"kind": "hint", "layers": "deep"}]}, "/losses/0/layers"),
        ({"losses": [{"kind": "cosine"}]}, "/losses/0/kind"),
        ({"losses": [{"kind": "soft_target", "weight": {"kind": "auto"}}]}, "/losses"),
        ({"losses": [{"kind": "rkd"}], "training": {"accumulate": 2}}, "/losses/0/kind"),
        ({"training": {"precision": "fp16"}}, "/training/precision"),
        ({"student": {"from_teacher": {"layers": [2, 0]}}}, "/student/from_teacher"),
        ({"student": {"model": "nobody"}}, "/student/model"),
        ({"teacher": None, "teachers": [{"model": "teacher"}]}, "/teachers"),
        ({"teacher": None, "teachers": [{"model": "teacher"}, {"model": "x"}]}, "/teachers/1/model"),
        ({"evaluation": {"controls": ["hard_labels", "none"]}}, "/evaluation/controls/1"),
        ({"losses": []}, "/losses"),
        ({"losses": [{"kind": "soft_target", "weight": 0}]}, "/losses"),
        ({"student": {}}, "/student"),
        ({"student": {"architecture": "cnn", "huggingface": {"model_type": "bert"}}}, "/student"),
        ({"student": {"architecture": "cnn", "config": {"depth": 1}}}, "/student/config/depth"),
        ({"losses": [{"kind": "temperature"}]}, "/losses/0/kind"),
        ({"student": {"architecture": "vit"}}, "/student/architecture"),
        ({"student": {"huggingface": {"model_type": "bert"}, "config": {"depth": 2}}}, "/student"),
        (
            {"student": {"huggingface": {"model_type": "bert", "auto_map": {}}}},
            "/student/huggingface/auto_map",
        ),
        ({"teacher": {"train": {"architecture": "cnn", "config": {"x": 1}}}}, "/teacher/train/config/x"),
        ({"training": {"epochs": 3, "steps": 3}}, "/training"),
        ({"training": {"epochs": 0}}, "/training/epochs"),
        ({"labels": {"count": 5}}, "/labels/count"),
        ({"labels": {"count": 91}}, "/labels/count"),
        ({"exports": ["tensorrt"]}, "/exports/0"),
        ({"gates": [{"metric": "acuracy", "min": 0.9}]}, "/gates/0/metric"),
        ({"gates": [{"metric": "accuracy", "min": 90}]}, "/gates/0/min"),
        ({"gates": [{"metric": "accuracy", "on": "export:onnx", "min": 0.9}]}, "/gates/0/on"),
        ({"gates": [{"metric": "per_class_accuracy.cat", "min": 0.9}]}, "/gates/0/metric"),
        ({"gates": [{"metric": "accuracy", "relative_to": "nobody", "min": 1}]}, "/gates/0/relative_to"),
        ({"task": "tabular-classification"}, "/dataset"),
        ({"resources": {"gpus": 2}}, "/resources/gpus"),
        ({"metadata": {"k": "v" * 513}}, "/metadata/k"),
        ({"version": 2}, "/version"),
    ],
)
@pytest.mark.parametrize("address", ["/v1/jobs", "/v1/jobs?dry_run=true"])
def test_a_document_that_cannot_be_a_job_is_refused_at_its_place(
    client: TestClient, world: World, address: str, change: dict[str, Any], pointer: str
):
    before = client.get("/v1/jobs").json()

    answer = client.post(address, json=raw_document(**change))

    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert client.get("/v1/jobs").json() == before


def test_a_teacher_whose_outputs_nobody_named_is_refused(
    client: TestClient, sessions: Sessions, project_id: str, world: World
):
    with sessions.writing() as session:
        builders.a_model(session, project_id, name="unnamed", labels=None)

    answer = client.post("/v1/jobs", json=raw_document(teacher="unnamed"))

    assert (answer.status_code, answer.json()["code"]) == (422, "label_order_unknown")
    assert "labels" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"losses": [{"kind": "soft_target", "temperature": 0}]}, "must be greater than 0, not 0"),
        ({"losses": [{"kind": "kl"}]}, "there is no 'kl'; there are: soft_target, hard_target, "),
        ({"losses": [{"weight": 1}]}, "must have a field 'kind'"),
        ({"losses": "kd"}, "must be a list, not 'kd'"),
        ({"training": 5}, "must be an object, not 5"),
        ({"training": {"epochs": "many"}}, "must be a whole number, not 'many'"),
        ({"training": {"batch_size": 1.5}}, "must be a whole number, not 1.5"),
        ({"dataset": None}, "must be a string, not null"),
        ({"dedupe_key": ""}, "must have at least 1 character"),
        ({"name": "My Job"}, "a name has 1 to 64 small letters, digits"),
        ({"learning_rate": 1}, "here; there is training.optimizer.learning_rate"),
        ({"training": {"optimizer": {"kind": "adamw", "momentum": 0.9}}}, "'momentum'; another kind has it"),
        ({"student": {"architecture": "cnn", "config": {"x": 1}}}, "there are: depth, width, dropout"),
        ({"name": "job_1"}, "a name may not start with 'job_', as ids do"),
        ({"gates": [{"metric": "accuracy"}]}, "give min, max or both"),
        ({"gates": [{"metric": "size", "max": 9}]}, "there is no figure 'size'; nearest are: size_bytes"),
        ({"student": {"budget": 5}}, "this is not available in this version yet; leave it out"),
    ],
)
def test_the_sentence_says_what_must_be_and_what_is(
    client: TestClient, world: World, change: dict[str, Any], says: str
):
    answer = client.post("/v1/jobs", json=raw_document(**change))

    assert says in answer.json()["errors"][0]["detail"]


def test_a_field_that_is_missing_is_named(client: TestClient, world: World):
    answer = client.post("/v1/datasets", json={"name": "d", "builtin": "digits"})

    assert answer.json()["detail"] == "/task: this field is required"
