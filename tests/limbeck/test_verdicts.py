"""Gates and exports as tables."""

from typing import Any

import pytest
from rich.console import Console, Group

from limbeck import tables, verdicts

GATE: dict[str, Any] = {
    "metric": "accuracy",
    "on": "student",
    "relative_to": None,
    "compare": None,
    "min": 0.97,
    "max": None,
    "decide": "bound",
    "value": 0.9812,
    "low": 0.9701,
    "high": 0.9912,
    "n": 1360,
    "verdict": "passed",
}


def shown(*parts: Any) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(Group(*parts))
    return captured.get()


def line(**change: Any) -> str:
    return shown(*verdicts.gates([GATE | change])).splitlines()[1].rstrip()


def test_a_gate_is_one_line_with_its_interval_and_its_verdict() -> None:
    assert line().split("  ") == [
        "accuracy of student",
        "at least 0.97",
        "0.981",
        "(0.970 to 0.991)",
        "1,360",
        "passed",
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"relative_to": "teacher", "compare": "ratio"}, "at least 0.97 of teacher"),
        ({"min": None, "max": 0.01}, "at most 0.01"),
        ({"max": 1}, "at least 0.97 and at most 1"),
        ({"decide": "point"}, "at least 0.97, as measured"),
        ({"on": "export:onnx-int8", "metric": "latency_ms.p95"}, "latency_ms.p95 of onnx-int8"),
        (
            {
                "relative_to": "digits@production",
                "compare": "difference",
                "min": -0.01,
                "value": 0.002,
                "baseline": {"model": "mdl_1", "name": "digits", "version": 3},
            },
            "at least -0.01 to digits@production (version 3)",
        ),
        ({"compare": "difference", "relative_to": "teacher", "min": -0.01, "value": 0.002}, "+0.002"),
        (
            {"min": None, "max": 15e4, "value": 149504, "low": 149504, "high": 149504, "n": None},
            "149,504  exact",
        ),
        ({"low": 0.9812, "high": 0.9812, "n": None}, "0.981  exact  passed"),
    ],
)
def test_what_was_asked_is_said_in_words(change: dict[str, Any], says: str) -> None:
    assert says in line(**change)


def test_why_a_gate_could_not_be_judged_stands_below() -> None:
    nothing = {"value": None, "low": None, "high": None, "n": None, "verdict": "inconclusive"}

    text = shown(*verdicts.gates([GATE, GATE | nothing | {"reason": "there is no gap to close"}]))

    assert "accuracy of student: there is no gap to close" in text
    assert "inconclusive" in text


def test_exports_are_shown_where_there_is_more_than_the_student_or_where_one_failed() -> None:
    good = {"status": "verified", "accuracy": {"value": 0.98}, "match": 1.0, "size_bytes": 7144}
    bad = {"status": "failed", "reason": "it differs", "accuracy": None, "latency_ms": None}

    assert verdicts.exports({"safetensors": good}, "accuracy") == []
    text = shown(*verdicts.exports({"safetensors": good, "onnx-int8": bad}, "accuracy"))
    assert [part.split()[:2] for part in text.splitlines()[1:3]] == [
        ["safetensors", "verified"],
        ["onnx-int8", "failed"],
    ]
    assert "onnx-int8: it differs" in text
    assert "failed" in shown(*verdicts.exports({"safetensors": bad}, "accuracy"))


def test_a_job_is_shown_with_its_gates() -> None:
    run = {"accuracy": 0.9, "parameters": 1, "size_bytes": 4, "labels_used": 1, "latency_ms": {"p50": 1.0}}
    result = {"teacher": run, "student": run, "control": None, "gates": [GATE], "exports": {}}
    found: Any = {"id": "job_1", "name": "x", "status": "succeeded", "created_at": "", "result": result}

    assert "at least 0.97" in shown(tables.job(found))
