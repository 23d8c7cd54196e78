"""A dry run says which gates so few test examples cannot decide."""

from typing import Any

import numpy as np
import pytest

from distill.config.deciding import undecidable
from distill.config.networks import Split
from distill.gates import judge
from tests.distill.judging import document, evidence, result


def split(*counts: int) -> Split:
    total = sum(counts)
    return Split(file="x", sha256="0", examples=total, labeled=total, class_counts=list(counts))


def told(gate: dict[str, Any], *counts: int, **change: Any) -> list[str]:
    asked = document({"metric": "accuracy"} | gate, **change)
    return [why for _, why in undecidable(asked, ["a", "b"], split(*counts))]


@pytest.mark.parametrize(
    ("gate", "needed"),
    [
        ({"min": 0.97}, 100),
        ({"min": 0.97, "relative_to": "teacher"}, 100),
        ({"min": -0.01, "relative_to": "control", "compare": "difference"}, 300),
        ({"metric": "retention", "min": 0.9}, 30),
        ({"metric": "agreement", "min": 0.5}, 6),
    ],
)
def test_a_gate_is_undecidable_where_one_mistake_decides(gate: dict[str, Any], needed: int) -> None:
    (why,) = told(gate, needed - 2, 1)

    assert f"{needed - 1:,} test examples" in why
    assert f"{needed:,} are needed" in why
    assert told(gate, needed - 1, 1) == []


def test_a_class_is_judged_by_its_own_examples() -> None:
    gate = {"metric": "per_class_accuracy.b", "min": 0.9}

    assert told(gate, 10, 30) == []
    assert "'b' has 10 test examples" in told(gate, 30, 10)[0]
    assert "'a' has 10 test examples" in told({"metric": "per_class_accuracy", "min": 0.9}, 10, 30)[0]
    assert "no test example" in told(gate, 30, 0)[0]
    assert told({"metric": "per_class_accuracy", "min": 0.5}, 30, 0) == []


@pytest.mark.parametrize(
    "gate",
    [
        {"min": 0.97, "decide": "point"},
        {"min": 1},
        {"min": 1, "relative_to": "teacher"},
        {"max": 0.9},
        {"metric": "size_bytes", "max": 10},
        {"metric": "ece", "max": 0.05},
        {"metric": "loss", "max": 0.05},
        {"metric": "gain", "min": 0},
        {"metric": "latency_ms.p50", "max": 1},
    ],
)
def test_of_others_nothing_can_be_said_beforehand(gate: dict[str, Any]) -> None:
    assert told(gate, 5, 5) == []


@pytest.mark.parametrize(("examples", "verdict"), [(99, "inconclusive"), (101, "passed")])
def test_the_judgment_says_the_same_of_a_student_with_one_mistake(examples: int, verdict: str) -> None:
    labels = [number % 2 for number in range(examples)]
    student = list(np.array(labels))
    student[0] = 1 - student[0]
    proof = evidence(labels, {"teacher": labels, "student": student})
    asked = document({"metric": "accuracy", "min": 0.97})

    (gate,) = judge(asked, result(), proof)

    assert gate["verdict"] == verdict
    assert bool(list(undecidable(asked, ["a", "b"], split(examples)))) == (verdict == "inconclusive")
