"""Jobs that need several models, from the command line's client to the result, by real processes."""

from collections.abc import Iterator
from pathlib import Path
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


def table(task: str) -> str:
    """A CSV file that can be learned: a number, or two labels, of two features."""
    label = "price" if task == "regression" else "warm,bright"
    lines = [f"size,light,{label}"]
    for row in range(240):
        size, light = (row * 7) % 24 / 24, (row * 11) % 20 / 20
        said = f"{3 * size - light:.3f}" if task == "regression" else f"{int(size > 0.5)},{int(light > 0.3)}"
        lines.append(f"{size:.3f},{light:.3f},{said}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("task", "label", "figure", "losses"),
    [
        ("regression", "price", "r2", ["mse_logits", "hard_target"]),
        ("multi-label-classification", ["warm", "bright"], "f1", ["soft_target", "hard_target"]),
    ],
)
def test_numbers_and_sets_of_labels_are_judged_by_their_own_figures(
    client: Client, tmp_path: Path, task: str, label: str | list[str], figure: str, losses: list[str]
) -> None:
    (tmp_path / "table.csv").write_text(table(task))
    file = client.files.upload(tmp_path / "table.csv", purpose="dataset")
    columns = {"label": label}
    dataset = client.datasets.create(name=task, file_id=file["id"], task=task, columns=columns)
    dataset = client.datasets.wait(dataset["id"], timeout=WITHIN_S)
    assert dataset["status"] == "ready", dataset["problem"]
    network = {"architecture": "mlp", "config": {"depth": 2, "width": 32}}

    job = done(
        client,
        {
            "name": task,
            "task": task,
            "dataset": dataset["id"],
            "teacher": {"train": {**network, "training": {**TRAINING, "epochs": 40}}},
            "student": network,
            "losses": [{"kind": kind, "weight": 0.5} for kind in losses],
            "training": {**TRAINING, "epochs": 40},
        },
    )

    result = job["result"]
    assert result is not None
    assert result["main_figure"] == figure
    assert result["student"][figure] > 0.5
    assert job["progress"]["validation"]["figure"] == figure
    assert f"| {figure}" in client.jobs.report(job["id"], "md")
