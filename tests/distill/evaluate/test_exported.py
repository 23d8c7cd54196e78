"""An export is verified only where it answers as the student did that was measured."""

import torch
from torch import Tensor

from distill.config.networks import Input, Network
from distill.config.tasks import Task
from distill.evaluate.exported import failed_export, verified_export
from distill.evaluate.measure import Measured, Rows
from distill.tasks import science_of

COST = {"size_bytes": 10, "sha256": "ab", "latency_ms": {"p50": 1.0, "p95": 2.0}}


def network(task: Task, kind: str = "tabular") -> Network:
    return Network(
        task=task,
        architecture="mlp",
        config={},
        labels=["a", "b"],
        num_outputs=2,
        input=Input(kind=kind, shape=[4], dtype="int64" if kind == "text" else "float32"),
    )


def entry(task: Task, outputs: Tensor, outside: Tensor, labels: Tensor) -> dict[str, object]:
    science, examples = science_of(task), torch.arange(len(labels))
    rows = Rows(science, ["a", "b"], labels, examples)
    student = Measured(outputs, COST, science.scores(outputs, labels, examples))
    return verified_export(outside, student, rows, network(task), seed=0)


def test_the_same_answers_are_verified_with_their_own_figure_and_interval() -> None:
    outputs = torch.eye(2).repeat(50, 1)

    found = entry("tabular-classification", outputs, outputs + 1e-6, torch.arange(100) % 2)

    assert found["status"] == "verified"
    assert found["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["top1_match"] == found["match"] == 1


def test_other_answers_fail_and_keep_their_figures() -> None:
    outputs = torch.eye(2).repeat(50, 1)

    found = entry("tabular-classification", outputs, outputs.flip(1), torch.arange(100) % 2)

    assert found["status"] == "failed"
    assert "0.00%" in str(found["reason"])
    assert found["accuracy"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_numbers_that_have_moved_by_more_than_rounding_fail() -> None:
    labels = torch.arange(200.0).view(100, 2)

    assert entry("regression", labels, labels * (1 + 1e-6), labels)["status"] == "verified"
    assert entry("regression", labels, labels + 1, labels)["status"] == "failed"


def test_an_embedding_that_points_elsewhere_fails() -> None:
    teacher = torch.tensor([[1.0, 0.0]]).repeat(10, 1)

    found = entry("feature-extraction", teacher, teacher + torch.tensor([0.0, 0.1]), teacher)

    assert found["status"] == "failed"
    assert found["top1_match"] is None


def test_an_export_that_did_not_run_has_no_figures_and_says_what_it_takes() -> None:
    student = Measured(torch.zeros(1, 2), COST, science_of("regression").scores(*[torch.zeros(1, 2)] * 3))

    found = failed_export("load.py did not run", student, network("token-classification", "text"))

    assert found["status"] == "failed"
    assert found["accuracy"] is found["match"] is None
    assert found["inputs"] == [
        {"name": "text", "dtype": "string", "shape": [None, None], "layout": "NW", "range": None}
    ]
