"""Whole jobs, from a staged folder to the last event."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from distill.config.events import (
    CheckpointWritten,
    Finished,
    PhaseChanged,
    Progressed,
)
from distill.data.canonical import file_sha256
from tests.distill.conftest import Inspected
from tests.distill.folders import Heard, of_kind, run, stage
from tests.distill.jobs import DOCUMENT

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "ece")
PHASES = [
    "inspecting",
    "training_teacher",
    "caching_teacher",
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
    from distill.data.opened import open_split

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
        "README.md",
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
    assert len(program.split("\n\n")[1].strip().splitlines()) == 10
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
    words = ran.stdout.splitlines()[-1].split()
    compared = dict(zip(words[::2], map(float, words[1::2]), strict=True))
    assert compared["kl_divergence"] == pytest.approx(result["kl_divergence"], rel=1e-4)
    assert compared["agreement"] == pytest.approx(result["agreement"])
    for name in ("retention", "gain", "gap_closed"):
        assert compared[name] == pytest.approx(result[name]["value"])


def test_the_report_holds_what_was_asked_and_what_came_out(job: Job) -> None:
    report = json.loads((job.folder / "out" / "report.json").read_text())

    assert report["asked"]["name"] == "digits"
    assert report["result"] == job.result
    assert {"figure": "accuracy"}.items() <= report["table"][0].items()
    assert all(len(curve["points"]) <= 200 for curve in report["curves"])
    for probabilities in report["temperature"]["teacher"]:
        assert sum(probabilities) == pytest.approx(1)


def test_a_checkpoint_is_written_at_the_end_of_each_training_phase(job: Job) -> None:
    written = [(event.phase, event.run) for event in of_kind(job.heard, CheckpointWritten)]

    for at_end in (
        ("training_teacher", "teacher"),
        ("training", "student"),
        ("training_control", "control"),
    ):
        assert at_end in written
