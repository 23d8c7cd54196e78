"""An export is verified only where it answers as the student did that was measured."""

from typing import Any

import pytest
import torch
from torch import Tensor

from distill.config.exports import Export
from distill.config.tasks import Task
from distill.evaluate.cost import Times
from distill.evaluate.measure import Measured, Rows
from distill.proof.bench import Shown
from distill.proof.parity import entry_of, failed
from distill.proof.process import RefusedToRun
from distill.tasks import science_of

DESCRIPTION = {"sha256": "ab", "latency_ms": None}
CLASSES = torch.eye(2).repeat(500, 1)
LABELS = torch.arange(1000) % 2


def entry(
    task: Task, outputs: Tensor, outside: Tensor, labels: Tensor, export: str | dict[str, Any] = "onnx"
) -> dict[str, Any]:
    science, examples = science_of(task), torch.arange(len(labels))
    rows = Rows(science, ["a", "b"], labels, examples)
    student = Measured(outputs, {}, science.scores(outputs, labels, examples))
    shown = Shown("runtime 1", 10, Times(((1.0, 3.0),)), outside)
    asked = Export.model_validate(export)
    return entry_of(asked, shown, student, rows, description=DESCRIPTION, seed=0)


def with_others(share: float) -> Tensor:
    """The same answers, but for this share of them, which are turned round."""
    turned = CLASSES.clone()
    turned[: round(share * len(turned))] = CLASSES[: round(share * len(turned))].flip(1)
    return turned


def test_the_same_answers_are_verified_with_their_own_figure_and_interval() -> None:
    found = entry("tabular-classification", CLASSES, CLASSES + 1e-6, LABELS)

    assert found["status"] == "verified"
    assert found["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["drop"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found["top1_match"] == found["match"] == 1
    assert found["max_abs_diff"] == pytest.approx(1e-6, rel=0.1)
    assert found["latency_ms"]["p50"] == 2
    assert (found["peak_memory_bytes"], found["runtime"]) == (10, "runtime 1")
    assert "reason" not in found


def test_other_answers_fail_and_keep_their_figures() -> None:
    found = entry("tabular-classification", CLASSES, CLASSES.flip(1), LABELS)

    assert found["status"] == "failed"
    assert "0.00%" in str(found["reason"])
    assert found["accuracy"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found["drop"]["value"] == 1


@pytest.mark.parametrize(
    ("export", "share", "status"),
    [
        ("onnx", 0.001, "verified"),
        ("onnx", 0.002, "failed"),
        ("huggingface", 0.002, "failed"),
        ("safetensors", 0.002, "failed"),
        ("executorch", 0.002, "failed"),
        ("onnx-fp16", 0.005, "verified"),
        ("onnx-fp16", 0.006, "failed"),
        ("onnx-int8", 0.01, "verified"),
        ("onnx-int8", 0.011, "failed"),
        ({"format": "onnx-int8", "max_drop": 0.3}, 0.3, "verified"),
    ],
)
def test_each_format_may_differ_by_what_its_numbers_cost(
    export: str | dict[str, Any], share: float, status: str
) -> None:
    assert entry("tabular-classification", CLASSES, with_others(share), LABELS, export)["status"] == status


def test_eight_bits_may_answer_otherwise_where_the_main_figure_stays() -> None:
    student = with_others(0.2)

    found = entry("tabular-classification", student, CLASSES, LABELS, "onnx-int8")

    assert found["match"] == pytest.approx(0.8)
    assert found["drop"]["value"] == pytest.approx(-0.2)
    assert found["status"] == "verified"


def test_numbers_that_have_moved_by_more_than_rounding_fail() -> None:
    labels = torch.arange(200.0).view(100, 2)

    assert entry("regression", labels, labels * (1 + 1e-6), labels)["status"] == "verified"
    assert entry("regression", labels, labels + 1, labels)["status"] == "failed"
    assert entry("regression", labels, labels * (1 + 1e-3), labels, "onnx-fp16")["status"] == "verified"


def test_an_embedding_that_points_elsewhere_fails() -> None:
    teacher = torch.tensor([[1.0, 0.0]]).repeat(10, 1)

    found = entry("feature-extraction", teacher, teacher + torch.tensor([0.0, 0.1]), teacher)

    assert found["status"] == "failed"
    assert found["top1_match"] is None


@pytest.mark.parametrize("odd", [torch.nan, torch.inf])
@pytest.mark.parametrize("export", ["onnx", "onnx-int8"])
def test_answers_that_are_no_numbers_fail_without_figures(export: str, odd: float) -> None:
    outside = CLASSES.clone()
    outside[:3, 1] = odd

    found = entry("tabular-classification", CLASSES, outside, LABELS, export)

    assert found["status"] == "failed"
    assert "3 of 1000 rows" in found["reason"]
    assert found["accuracy"] is found["match"] is found["max_abs_diff"] is None
    assert found["latency_ms"] is not None


def test_another_number_of_rows_fails() -> None:
    found = entry("tabular-classification", CLASSES, CLASSES[:-2], LABELS)

    assert found["status"] == "failed"
    assert "answers 998 rows of test where the student answers 1000" in found["reason"]


def test_an_export_that_did_not_run_has_no_figures_and_says_why() -> None:
    science = science_of("tabular-classification")
    rows = Rows(science, ["a", "b"], LABELS, torch.arange(1000))
    student = Measured(CLASSES, {}, science.scores(CLASSES, LABELS, torch.arange(1000)))

    found = entry_of(
        Export(format="onnx"), RefusedToRun("it hung"), student, rows, description=DESCRIPTION, seed=0
    )

    assert found == failed("it did not run outside: it hung", "accuracy", DESCRIPTION)
    assert found["sha256"] == "ab"
    assert found["accuracy"] is found["match"] is found["peak_memory_bytes"] is None
