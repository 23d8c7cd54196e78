"""The report as JUnit: what a pipeline shows beside its tests."""

from typing import Any
from xml.etree import ElementTree

import pytest

from api.report.junit import junit
from api.report.subject import Subject
from tests.api.report.test_page import gate
from tests.api.seeds import REPORT
from tests.distill.report.made import Made


def cases(**result: Any) -> ElementTree.Element:
    report = Made("tabular-classification").report(**result)
    text = junit(report, Subject("job_1", "gate_failed", "2026-11-24T14:20:31+00:00"))
    return ElementTree.fromstring(text)  # our own


def test_each_gate_and_each_export_is_a_case() -> None:
    made = Made("tabular-classification")
    suites = cases(
        gates=[gate(), gate(verdict="passed"), gate(verdict="inconclusive")],
        exports={
            "safetensors": made.export(),
            "onnx": made.export(status="failed", reason="it answers otherwise"),
            "executorch": made.export(status="skipped", reason="left out"),
        },
    )

    assert len(suites.findall(".//testcase")) == 6
    (suite,) = suites
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "2",
        "errors": "1",
        "skipped": "1",
    }
    assert suite.get("timestamp") == "2026-11-24T14:20:31+00:00"
    messages = [each.get("message") for each in suites.iterfind(".//failure")]
    assert messages == ["found 0.8 [0.7, 0.85], over 60 examples", "it answers otherwise"]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({}, "accuracy of the student at least 0.9"),
        ({"min": None, "max": 3e6, "metric": "size_bytes"}, "size_bytes of the student at most 3 MB"),
        (
            {"on": "export:onnx-int8", "relative_to": "teacher", "compare": "ratio", "min": 0.97},
            "accuracy of export:onnx-int8 at least 0.97 times the teacher's",
        ),
        (
            {
                "relative_to": "digits@prod",
                "compare": "difference",
                "min": -0.01,
                "max": 0.5,
                "baseline": {"model": "mdl_1", "name": "digits", "version": 3},
            },
            "accuracy of the student between -0.01 and 0.5 more than digits@prod (version 3)",
        ),
        (
            {"metric": "latency_ms.p95", "min": None, "max": 12},
            "latency_ms.p95 of the student at most 12 ms",
        ),
    ],
)
def test_a_case_is_named_by_what_its_gate_asks(asked: dict[str, Any], name: str) -> None:
    (case,) = cases(gates=[gate(**asked)], exports={}).iterfind(".//testcase")

    assert case.get("name") == name


def test_a_label_that_xml_cannot_hold_breaks_nothing() -> None:
    (case,) = cases(gates=[gate(metric="recall.\x00<b>\ud800")], exports={}).iterfind(".//testcase")

    assert case.get("name") == "recall.\ufffd<b>\ufffd of the student at least 0.9"


def test_a_report_of_an_older_version_has_no_case_and_is_whole() -> None:
    suites = ElementTree.fromstring(junit(REPORT, Subject("job_1")))  # our own

    assert suites.get("tests") == "0"
    assert "Distillation helped" in (suites.findtext(".//system-out") or "")
