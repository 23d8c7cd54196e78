"""The result of a job of each target, and of each kind of teacher: its figures and what they are of."""

import importlib.util
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open

from api.report.page import page
from api.report.subject import Subject
from distill.data.opened import SplitData, open_split
from distill.models import load_network
from tests.distill.evaluate import finished
from tests.distill.evaluate.finished import FEW, MLP, Done, predictions

WIDER = {"architecture": "mlp", "config": {"width": 24}}
SMALL_BERT = {
    "huggingface": {
        "model_type": "bert",
        "num_hidden_layers": 1,
        "hidden_size": 8,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
}


def to_train(network: dict[str, Any]) -> dict[str, Any]:
    return {"train": network | {"training": FEW}}


def loader(done: Done) -> ModuleType:
    """The student's own `load.py`, as its user imports it."""
    spec = importlib.util.spec_from_file_location("load", done.out / "student" / "load.py")
    assert spec is not None
    assert spec.loader is not None
    load = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(load)
    return load


def opened_test(done: Done) -> SplitData:
    dataset = finished.request_of(done).dataset
    return open_split(done.folder / "in" / "dataset", dataset.splits["test"], dataset)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Two teachers of numbers."""
    folder = tmp_path_factory.mktemp("numbers")
    dataset = finished.table(folder / "data", "regression")
    teachers = [
        (finished.mlp(folder / name, dataset, seed=seed), folder / name) for seed, name in enumerate("ab")
    ]
    document = {
        "task": "regression",
        "teachers": [{"model": "a", "weight": 1}, {"model": "b", "weight": 3}],
        "combine": "weighted",
        "student": MLP,
        "training": FEW,
    }
    return finished.finish(folder / "job", document, dataset, folder / "data", panel=teachers)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Labels that may hold together, learned with a projector between the layers."""
    folder = tmp_path_factory.mktemp("sets")
    dataset = finished.table(folder / "data", "multi-label-classification")
    document = {
        "task": "multi-label-classification",
        "teacher": to_train(WIDER),
        "student": MLP,
        "losses": [{"kind": "soft_target"}, {"kind": "hard_target"}, {"kind": "hint"}],
        "training": FEW,
    }
    return finished.finish(folder / "job", document, dataset, folder / "data")


@pytest.fixture(scope="module")
def tags(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Words of texts some of which are longer than the networks see."""
    folder = tmp_path_factory.mktemp("tags")
    dataset = finished.tagged(folder / "data")
    teacher = finished.bert(
        folder / "bert", "token-classification", dataset, outputs=len(dataset.labels), max_length=8
    )
    document = {
        "task": "token-classification",
        "teacher": "bert",
        "student": SMALL_BERT,
        "training": FEW,
    }
    return finished.finish(
        folder / "job", document, dataset, folder / "data", teacher=teacher, teacher_files=folder / "bert"
    )


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("embeddings")
    dataset = finished.texts(folder / "data")
    teacher = finished.bert(folder / "bert", "feature-extraction", dataset, outputs=16)
    document = {
        "task": "feature-extraction",
        "teacher": "bert",
        "student": SMALL_BERT,
        "training": FEW,
    }
    return finished.finish(
        folder / "job", document, dataset, folder / "data", teacher=teacher, teacher_files=folder / "bert"
    )


@pytest.fixture(params=["numbers", "sets", "tags", "embeddings"])
def done(request: pytest.FixtureRequest) -> Done:
    found: Done = request.getfixturevalue(request.param)
    return found


def test_every_job_is_judged_by_the_main_figure_of_its_task(done: Done) -> None:
    result, main = done.result, done.result["main_figure"]

    assert result["task"] == finished.request_of(done).document.task
    assert all(isinstance(result[run][main], float) for run in ("teacher", "student"))
    assert len([name for name in result if name in ("majority_baseline", "mean_baseline")]) == 1
    assert done.report["table"][0]["figure"] == main


def test_the_report_of_every_job_tells_what_it_cost_and_has_a_page(done: Done) -> None:
    cost = done.report["cost"]

    phases = [phase["name"] for phase in cost["phases"]]
    assert phases[0] == "inspecting"
    assert phases[-3:] == ["evaluating", "exporting", "verifying"]
    examples = {each["run"]: each["examples"] for each in cost["runs"]}
    assert examples["student"] == done.result["updates"]["student"] * FEW["batch_size"]
    assert '<section aria-labelledby="cost">' in page(done.report, Subject("job_1"))


def test_the_student_of_every_target_is_verified_outside(done: Done) -> None:
    export = done.result["exports"]["safetensors"]

    assert export["status"] == "verified"
    assert export["match"] == 1
    assert export["max_abs_diff"] < 1e-3
    main = done.result["main_figure"]
    assert export[main]["value"] == pytest.approx(done.result["student"][main], abs=1e-6)


def test_the_artifact_holds_the_weights_of_the_student_and_no_projector(sets: Done) -> None:
    with safe_open(sets.out / "student" / "student.safetensors", "pt") as file:
        names = set(file.keys())

    assert any(
        name == "train.loss.hint" for name in pq.read_table(sets.out / "metrics.parquet")["name"].to_pylist()
    )
    assert names == {f"layers.{layer}.{part}" for layer in (0, 1) for part in ("weight", "bias")}


def test_numbers_come_in_the_units_of_their_labels(numbers: Done) -> None:
    load, test = loader(numbers), opened_test(numbers)
    student = load.load(numbers.out / "student")

    outputs = load.predict(student, test.inputs)

    assert outputs[:, 0].mean() > 100
    error = (outputs - test.labels).double()
    assert numbers.result["student"]["mae"] == pytest.approx(error.abs().mean().item(), rel=1e-6)
    assert load.named(student, outputs)[0].keys() == {"price", "size"}
    assert predictions(numbers)["student"][0] == pytest.approx(outputs[0].tolist())


def test_a_panel_is_one_teacher_that_costs_as_much_as_all_of_it(numbers: Done) -> None:
    teacher, said = numbers.result["teacher"], predictions(numbers)
    networks = finished.request_of(numbers).teachers
    test = opened_test(numbers)

    outputs = [
        load_network(network, numbers.folder / "in" / "teachers" / str(number))(test.inputs)
        for number, network in enumerate(networks)
    ]

    assert said["teacher"][0] == pytest.approx((outputs[0] / 4 + outputs[1] * 3 / 4)[0].tolist(), rel=1e-5)
    assert teacher["parameters"] == 2 * numbers.result["student"]["parameters"]
    assert teacher["macs"] == 2 * numbers.result["student"]["macs"]
    assert [file["sha256"] for file in teacher["files"]] == [
        network.files["model.safetensors"] for network in networks
    ]


def test_numbers_and_embeddings_have_no_figure_that_needs_a_choice(numbers: Done, embeddings: Done) -> None:
    for done in (numbers, embeddings):
        assert done.result["flips"] is done.result["agreement"] is done.result["kl_divergence"] is None
        assert done.result["exports"]["safetensors"]["top1_match"] is None


def test_an_embedding_has_no_control_and_says_why(embeddings: Done) -> None:
    result = embeddings.result

    assert result["control"] is None
    assert result["distillation"] == "not_measured"
    assert "no labels" in result["gain"]["reason"]
    assert result["labels"]["seen"] == result["student"]["labels_used"] == 0
    assert result["teacher"]["cosine"] == pytest.approx(1)
    assert result["student"]["cosine"] > result["mean_baseline"] - 0.1


def test_the_teachers_embedding_is_what_a_student_is_judged_by(embeddings: Done) -> None:
    said = {
        run: torch.tensor(column)
        for run, column in predictions(embeddings).items()
        if run in ("teacher", "student")
    }

    cosine = torch.cosine_similarity(said["teacher"], said["student"]).mean().item()

    assert embeddings.result["student"]["cosine"] == pytest.approx(cosine, abs=1e-6)
    assert "label" not in predictions(embeddings)


def test_labels_hold_above_a_threshold_that_a_user_may_choose(sets: Done) -> None:
    load, test = loader(sets), opened_test(sets)
    student = load.load(sets.out / "student")
    outputs = load.predict(student, test.inputs)

    usual, strict = load.named(student, outputs), load.named(student, outputs, threshold=0.99)

    holds = [[name for name, logit in zip(student.labels, row, strict=True) if logit > 0] for row in outputs]
    assert usual == holds
    assert sum(map(len, strict)) < sum(map(len, usual))


def test_each_word_has_its_tag_and_a_word_that_is_cut_off_has_none(tags: Done) -> None:
    load, test = loader(tags), opened_test(tags)
    student = load.load(tags.out / "student")
    texts: Any = test.inputs

    named = load.named(student, load.predict(student, texts))

    assert [len(answer) for answer in named] == [len(words) for words in texts]
    unseen = sum(answer.count(None) for answer in named)
    assert unseen > 0
    assert tags.result["student"]["words"] == len(test.labels) - unseen
    seen = [tag for answer in named for tag in answer if tag is not None]
    judged = [label for labels in predictions(tags)["label"] for label in labels]
    names = finished.request_of(tags).dataset.labels
    right = np.mean([tag == names[label] for tag, label in zip(seen, judged, strict=True)])
    assert tags.result["student"]["accuracy"] == pytest.approx(right)
    assert {warning["code"] for warning in tags.result["warnings"]} >= {"words_not_seen"}
