"""Whole jobs, from a staged folder to the last event."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from distill.attempt import StopAsked
from distill.config.events import (
    CheckpointWritten,
    Event,
    Finished,
    Measured,
    PhaseChanged,
    Progressed,
    Warned,
)
from distill.data.canonical import file_sha256
from distill.rejection import Rejected
from tests.distill import bert
from tests.distill.conftest import Inspected
from tests.distill.folders import Heard, Stop, of_kind, run, stage

QUICK: dict[str, Any] = {
    "epochs": 15,
    "batch_size": 64,
    "optimizer": {"kind": "adamw", "learning_rate": 3e-3},
}
DOCUMENT: dict[str, Any] = {
    "name": "digits",
    "task": "image-classification",
    "teacher": {"train": {"architecture": "mlp", "config": {"depth": 3, "width": 128}, "training": QUICK}},
    "dataset": "digits",
    "labels": {"count": 50},
    "student": {"architecture": "mlp", "config": {"depth": 2, "width": 32}},
    "training": QUICK | {"epochs": 40},
}
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "ece")
PHASES = [
    "inspecting",
    "training_teacher",
    "training",
    "training_control",
    "evaluating",
    "exporting",
    "verifying",
]


class Job:
    """A finished job: its folder and what was heard of it."""

    def __init__(self, folder: Path, heard: Heard) -> None:
        self.folder, self.heard = folder, heard
        self.finished = of_kind(heard, Finished)[-1]
        self.result = self.finished.result


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, digits: Inspected) -> Job:
    folder = stage(tmp_path_factory.mktemp("jobs") / "job", DOCUMENT, digits.dataset, digits.splits)
    return Job(folder, run(folder))


def test_the_phases_follow_each_other_and_each_one_ends(job: Job) -> None:
    changes = [(event.name, event.status) for event in of_kind(job.heard, PhaseChanged)]

    assert changes == [(phase, status) for phase in PHASES for status in ("running", "done")]
    assert isinstance(job.heard.events[-1], Finished)


def test_the_fraction_of_the_whole_never_falls_and_ends_at_one(job: Job) -> None:
    fractions = [event.fraction for event in of_kind(job.heard, Progressed)]

    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_with_few_labels_the_teachers_word_helps(job: Job) -> None:
    assert job.result["distillation"] == "helped"
    assert job.result["gain"]["low"] > 0
    assert job.result["teacher"]["accuracy"] > 0.9
    assert job.result["control"]["labels_used"] == job.result["student"]["labels_used"] == 50
    assert job.result["teacher"]["labels_used"] > 1000
    assert job.result["updates"]["student"] == job.result["updates"]["control"]


def test_the_labels_that_were_seen_are_recorded_at_least_one_a_class(job: Job, digits: Inspected) -> None:
    from distill.data import open_split

    train = open_split(digits.splits, digits.dataset.splits["train"], digits.dataset)
    label_of_row = dict(zip(train.rows.tolist(), train.labels.tolist(), strict=True))

    seen = job.result["labels"]

    assert seen["seen"] == len(set(seen["rows"])) == 50
    assert {label_of_row[row] for row in seen["rows"]} == set(range(10))


def test_every_figure_names_the_file_that_it_was_measured_on(job: Job) -> None:
    for run_name in ("teacher", "student", "control"):
        figures = job.result[run_name]
        file = job.folder / "out" / run_name / figures["file"]
        assert figures["sha256"] == file_sha256(file)
        assert figures["size_bytes"] == file.stat().st_size
    by_name = {artifact.filename: artifact for artifact in job.finished.artifacts}
    assert by_name["student.safetensors"].sha256 == job.result["student"]["sha256"]
    assert job.finished.student is not None
    assert job.finished.student.files == {"student.safetensors": job.result["student"]["sha256"]}


def test_every_artifact_is_there_as_it_was_announced(job: Job) -> None:
    names = [artifact.filename for artifact in job.finished.artifacts]

    assert names == [
        "student.safetensors",
        "config.json",
        "load.py",
        "teacher.safetensors",
        "predictions.parquet",
        "metrics.parquet",
        "report.json",
    ]
    for artifact in job.finished.artifacts:
        assert artifact.sha256 == file_sha256(job.folder / artifact.path)
        assert artifact.bytes == (job.folder / artifact.path).stat().st_size


def test_the_student_was_verified_in_a_process_of_its_own(job: Job) -> None:
    export = job.result["exports"]["safetensors"]

    assert export["status"] == "verified"
    assert export["top1_match"] == 1.0
    assert export["max_abs_diff"] < 1e-4
    assert export["accuracy"]["low"] <= export["accuracy"]["value"] <= export["accuracy"]["high"]
    assert job.finished.conclusion == "no_gate"


def test_the_downloaded_student_needs_torch_alone(job: Job, digits: Inspected) -> None:
    program = (
        "import sys, torch; sys.path.insert(0, '.'); import load; student = load.load('.');"
        "print(student.labels[load.predict(student, torch.zeros(1, 1, 8, 8, dtype=torch.uint8)).argmax(1)]);"
        "assert not {'distill', 'safetensors', 'transformers', 'pydantic'} & set(sys.modules)"
    )

    said = subprocess.run(
        [sys.executable, "-I", "-c", program],
        cwd=job.folder / "out" / "student",
        capture_output=True,
        text=True,
    )

    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() in digits.dataset.labels


def test_every_step_of_every_run_is_in_the_metrics_file(job: Job) -> None:
    rows = pq.read_table(job.folder / "out" / "metrics.parquet").to_pylist()

    for run_name, updates in job.result["updates"].items():
        totals = [row["step"] for row in rows if row["run"] == run_name and row["name"] == "train.loss.total"]
        assert totals == list(range(1, updates + 1))
    assert {row["name"] for row in rows} == {
        "learning_rate",
        "train.grad_share.hard_target",
        "train.grad_share.soft_target",
        "train.loss.hard_target",
        "train.loss.soft_target",
        "train.loss.total",
        "validation.accuracy",
    }


def test_the_figures_follow_from_the_predictions(job: Job) -> None:
    predictions = pq.read_table(job.folder / "out" / "predictions.parquet").to_pydict()
    labels = torch.tensor(predictions["label"])

    for run_name in ("teacher", "student", "control"):
        logits = torch.tensor(predictions[run_name])
        accuracy = (logits.argmax(dim=1) == labels).double().mean().item()
        assert accuracy == job.result[run_name]["accuracy"]


def test_the_ten_lines_of_the_documentation_reproduce_every_figure(
    job: Job, digits: Inspected, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reproduce.md").read_text()
    program = page.split("```python\n", 1)[1].split("```", 1)[0]
    (tmp_path / "taken").mkdir()
    shutil.copy(job.folder / "out" / "predictions.parquet", tmp_path / "taken")
    shutil.copy(digits.splits / "out" / "test.parquet", tmp_path)

    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr
    said = {words[0]: words[1:] for words in map(str.split, ran.stdout.splitlines())}
    result = job.result
    for run_name in ("teacher", "student", "control"):
        expected = [result[run_name][name] for name in FIGURES]
        assert [float(value) for value in said[run_name]] == pytest.approx(expected, abs=1e-6)
    assert float(said["agreement"][0]) == pytest.approx(result["agreement"])
    assert float(said["kl_divergence"][0]) == pytest.approx(result["kl_divergence"], rel=1e-4)
    assert float(said["retention"][0]) == pytest.approx(result["retention"]["value"])
    comparisons = dict(zip(said["retention"][1::2], said["retention"][2::2], strict=True))
    for name in ("gain", "gap_closed"):
        assert float(comparisons[name]) == pytest.approx(result[name]["value"])


def test_the_report_holds_what_was_asked_and_what_came_out(job: Job) -> None:
    report = json.loads((job.folder / "out" / "report.json").read_text())

    assert report["asked"]["name"] == "digits"
    assert report["result"] == job.result
    assert {"figure": "accuracy"}.items() <= report["table"][0].items()
    assert all(len(curve["points"]) <= 200 for curve in report["curves"])
    for probabilities in report["temperature"]["probabilities"]:
        assert sum(probabilities) == pytest.approx(1)


def test_a_checkpoint_is_written_at_the_end_of_each_training_phase(job: Job) -> None:
    written = [(event.phase, event.run) for event in of_kind(job.heard, CheckpointWritten)]

    for at_end in (
        ("training_teacher", "teacher"),
        ("training", "student"),
        ("training_control", "control"),
    ):
        assert at_end in written


def test_the_test_split_is_not_there_before_the_evaluation_and_nobody_misses_it(
    tmp_path: Path, digits: Inspected
) -> None:
    class PutsTestInPlaceForTheEvaluation(Heard):
        def send(self, event: Event) -> None:
            super().send(event)
            if event == PhaseChanged(name="evaluating", status="running"):
                aside.rename(test)

    folder = stage(tmp_path / "job", small(), digits.dataset, digits.splits)
    test, aside = folder / "in" / "dataset" / "test.safetensors", tmp_path / "aside"
    test.rename(aside)

    heard = run(folder, heard=PutsTestInPlaceForTheEvaluation())

    assert isinstance(heard.events[-1], Finished)


def small(**changes: Any) -> dict[str, Any]:
    """The same job with a few updates alone."""
    few = {"steps": 8, "batch_size": 32}
    return (
        DOCUMENT
        | {
            "teacher": {"train": {"architecture": "mlp", "config": {"depth": 2}, "training": few}},
            "training": few,
        }
        | changes
    )


def trained_until_evaluation(folder: Path) -> Heard:
    """Everything that trains; the rest is proved elsewhere."""

    class Hears(Heard):
        def send(self, event: Event) -> None:
            super().send(event)
            stop.now = event == PhaseChanged(name="training_control", status="done")

    stop, heard = Stop(), Hears()
    with pytest.raises(StopAsked):
        run(folder, stop=stop, heard=heard)
    return heard


@pytest.mark.parametrize(
    ("architecture", "teacher", "student"),
    [
        ("mlp", {"depth": 10, "width": 32}, {"depth": 2, "width": 32}),
        ("cnn", {"depth": 6, "width": 8}, {"depth": 3, "width": 4}),
    ],
)
def test_a_deep_teacher_teaches_a_shallow_student(
    tmp_path: Path, digits: Inspected, architecture: str, teacher: dict[str, Any], student: dict[str, Any]
) -> None:
    few = {"steps": 12, "batch_size": 32}
    document = DOCUMENT | {
        "teacher": {"train": {"architecture": architecture, "config": teacher, "training": few}},
        "student": {"architecture": architecture, "config": student},
        "training": few,
    }
    heard = run(stage(tmp_path / "job", document, digits.dataset, digits.splits))

    finished = of_kind(heard, Finished)[-1]
    assert finished.result["compression"]["parameters"] > 1
    assert finished.result["exports"]["safetensors"]["status"] == "verified"


def test_a_bert_teaches_a_bert_of_two_layers(tmp_path: Path) -> None:
    splits, files = tmp_path / "reviews", tmp_path / "bert"
    dataset, teacher = bert.reviews(splits), bert.teacher(files)
    document = {
        "name": "reviews",
        "task": "text-classification",
        "teacher": "mdl_bert",
        "dataset": "reviews",
        "student": {
            "huggingface": {
                "model_type": "bert",
                "num_hidden_layers": 2,
                "hidden_size": 16,
                "num_attention_heads": 2,
                "intermediate_size": 32,
            }
        },
        "training": {"steps": 10, "batch_size": 16},
    }
    folder = stage(tmp_path / "job", document, dataset, splits, teacher=teacher, teacher_files=files)

    heard = run(folder)

    finished = of_kind(heard, Finished)[-1]
    assert finished.result["exports"]["safetensors"]["status"] == "verified"
    assert finished.result["compression"]["parameters"] > 2
    assert {artifact.filename for artifact in finished.artifacts} >= {"student.safetensors", "tokenizer.json"}
    warned = {event.code for event in of_kind(heard, Warned)}
    assert {"teacher_may_have_seen_test", "teacher_near_chance"} <= warned


@pytest.mark.parametrize(
    "loss",
    [
        {"kind": "decoupled"},
        {"kind": "dist"},
        {"kind": "standardized"},
        {"kind": "reverse_kl"},
        {"kind": "jensen_shannon", "beta": 0.3},
    ],
    ids=lambda loss: loss["kind"],
)
def test_every_kind_of_loss_trains(tmp_path: Path, digits: Inspected, loss: dict[str, Any]) -> None:
    document = small(losses=[loss, {"kind": "hard_target", "weight": 0.1}])
    folder = stage(tmp_path / "job", document, digits.dataset, digits.splits)

    heard = trained_until_evaluation(folder)

    measured = [event for event in of_kind(heard, Measured) if event.run == "student"]
    assert len([event for event in measured if f"train.loss.{loss['kind']}" in event.values]) == 8


def test_a_term_that_gives_next_to_nothing_of_the_gradient_is_named_once(
    tmp_path: Path, digits: Inspected
) -> None:
    document = small(losses=[{"kind": "soft_target", "weight": 1.0}, {"kind": "hard_target", "weight": 1e-6}])

    heard = trained_until_evaluation(stage(tmp_path / "job", document, digits.dataset, digits.splits))

    (warning,) = of_kind(heard, Warned)
    assert warning.code == "term_ignored"
    assert "'hard_target'" in warning.message


def test_without_a_control_nothing_is_said_about_help(tmp_path: Path, digits: Inspected) -> None:
    document = small(evaluation={"control": False})

    heard = run(stage(tmp_path / "job", document, digits.dataset, digits.splits))

    result = of_kind(heard, Finished)[-1].result
    assert result["control"] is None
    assert result["distillation"] == "not_measured"
    assert result["gain"] == {
        "value": None,
        "low": None,
        "high": None,
        "reason": "the control was switched off",
    }
    assert "training_control" not in {event.name for event in of_kind(heard, PhaseChanged)}


def test_a_loss_that_explodes_ends_the_job_with_advice(tmp_path: Path, digits: Inspected) -> None:
    wild = {"steps": 40, "batch_size": 32, "optimizer": {"kind": "sgd", "learning_rate": 1e20}}
    folder = stage(tmp_path / "job", small(training=wild), digits.dataset, digits.splits)

    with pytest.raises(Rejected) as refused:
        run(folder)

    assert refused.value.code == "training_diverged"
    assert refused.value.hint is not None
    assert "learning rate" in refused.value.hint


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"labels": {"count": 3}}, "too_few_labels"),
        ({"student": {"architecture": "mlp", "config": {"depth": 3, "width": 900_000}}}, "student_too_large"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_trains(
    tmp_path: Path, digits: Inspected, changes: dict[str, Any], code: str
) -> None:
    folder = stage(tmp_path / "job", small(**changes), digits.dataset, digits.splits)
    heard = Heard()

    with pytest.raises(Rejected) as refused:
        run(folder, heard=heard)

    assert refused.value.code == code
    assert heard.events == [PhaseChanged(name="inspecting", status="running")]


def test_a_wish_to_stop_between_phases_is_heeded(tmp_path: Path, digits: Inspected) -> None:
    folder = stage(tmp_path / "job", small(), digits.dataset, digits.splits)

    with pytest.raises(StopAsked) as asked:
        run(folder, stop=Stop("drain", looks=0))

    assert asked.value.wish == "drain"
