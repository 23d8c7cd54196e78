"""Jobs that need several models, from the command line's client to the result, by real processes."""

from collections.abc import Iterator
from typing import Any

import pytest

from limbeck import Client
from limbeck.errors import Conflict, Rejected
from limbeck.objects import Job
from tests.acceptance.launched import JOB, TRAINING, WITHIN_S, Launched

pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(300)]

HINTS = {
    "name": "hints",
    "losses": [{"kind": "hint", "layers": "auto"}],
    "training": {**TRAINING, "steps": 5},
}
LOGITS = {"name": "logits", "losses": JOB["losses"], "training": {**TRAINING, "steps": 30}}


@pytest.fixture(scope="module")
def client(standing: Launched) -> Iterator[Client]:
    with standing.client() as client:
        yield client


def done(client: Client, document: dict[str, Any]) -> Job:
    job = client.jobs.wait(client.jobs.submit(document)["id"], timeout=WITHIN_S)
    assert job["status"] == "succeeded", job["error"]
    return job


@pytest.fixture(scope="module")
def panel(client: Client) -> list[str]:
    """Ids of two models that are students of earlier jobs."""
    ids = []
    for width in (4, 6):
        student = {"architecture": "cnn", "config": {"depth": 3, "width": width}}
        name = f"cnn-{width}"
        done(client, {**JOB, "name": name, "student": student, "output": {"name": name}})
        ids.append(client.models.get(name)["id"])
    return ids


@pytest.fixture(scope="module")
def document(panel: list[str]) -> dict[str, Any]:
    """Two teachers, a student that starts from one of them, in two stages."""
    unstaged = {name: value for name, value in JOB.items() if name not in ("teacher", "losses", "training")}
    teachers = [{"model": "cnn-6", "weight": 2.0}, {"model": "cnn-4"}]
    return {
        **unstaged,
        "teachers": teachers,
        "combine": "weighted",
        "student": {"model": "cnn-4"},
        "stages": [HINTS, LOGITS],
    }


def layers_of(stages: list[dict[str, Any]]) -> list[dict[str, str]]:
    pairs: list[dict[str, str]] = stages[0]["losses"][0]["layers"]
    return pairs


def test_a_job_of_several_models_names_its_layers_and_keeps_its_models(
    client: Client, document: dict[str, Any], panel: list[str]
) -> None:
    plan = client.jobs.plan(document)
    job = done(client, document)

    small, large = panel
    spec = job["resolved_spec"]
    assert [teacher["model"] for teacher in spec["teachers"]] == [large, small]
    assert spec["student"]["model"] == small
    planned = layers_of(plan["resolved_spec"]["stages"])
    assert planned == layers_of(spec["stages"])
    known = {layer["name"] for layer in client.models.get(large)["layers"]}
    assert {pair["teacher"].removesuffix(":input") for pair in planned} <= known
    newest = job["progress"]["validation"]
    assert (newest["figure"], newest["run"]) == ("accuracy", "control")
    for model in panel:
        with pytest.raises(Conflict, match=job["id"]):
            client.models.delete(model)


def test_a_layer_that_the_teacher_lacks_is_refused_before_anything_runs(
    client: Client, document: dict[str, Any]
) -> None:
    named = {"kind": "hint", "layers": [{"student": "outputs", "teacher": "clasifier"}]}
    with pytest.raises(Rejected) as refused:
        client.jobs.submit({**document, "stages": [{**HINTS, "losses": [named]}]})
    ((pointer, detail),) = refused.value.problem.errors
    assert pointer == "/stages/0/losses/0/layers/0/teacher"
    assert "classifier" in detail


def test_several_seeds_are_listed_and_the_best_by_validation_ships(client: Client) -> None:
    evaluation = {"seeds": 2, "controls": ["hard_labels", "teacher_argmax"]}
    result = done(client, {**JOB, "name": "seeds", "evaluation": evaluation})["result"]

    assert result is not None
    assert [entry["seed"] for entry in result["seeds"]] == [0, 1]
    assert sum(entry["shipped"] for entry in result["seeds"]) == 1
    assert result["controls"]["teacher_argmax"] is not None
