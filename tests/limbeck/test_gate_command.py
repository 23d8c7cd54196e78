"""`limbeck gate`: no exit code 0 for anything that is not known to have passed."""

import json
import sys
from itertools import product
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck import cli
from limbeck.cli import gating
from limbeck.cli.exits import Exit, of_gates
from limbeck.cli.terminal import Format, terminal
from limbeck.objects import Job
from tests.limbeck.service import FakeService

ASKED = {"metric": "accuracy", "on": "student", "min": 0.9}


def judged(verdict: str, **change: Any) -> dict[str, Any]:
    return {**ASKED, "value": 0.95, "low": 0.93, "high": 0.97, "n": 360, "verdict": verdict, **change}


def job(conclusion: str | None, *verdicts: str, status: Any = "succeeded", **change: Any) -> Job:
    facts: Job = {
        "id": "job_1",
        "name": "digits",
        "status": status,
        "conclusion": conclusion,
        "resolved_spec": {"gates": [ASKED for _ in verdicts]},
        "result": {"gates": [judged(verdict) for verdict in verdicts], "exports": {}},
    }
    return {**facts, **change}  # type: ignore[typeddict-item]  # changes come by name


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (job("passed", "passed", "passed"), 0),
        (job("gate_failed", "passed", "failed"), 3),
        (job("gate_inconclusive", "passed", "inconclusive"), 3),
        (job("export_failed", "passed"), 3),
        (job("no_gate"), 2),
        (job("export_failed"), 2),
        (job(None, "passed", status="queued", result=None), 5),
        (job(None, "passed", status="running", result=None), 5),
        (job(None, "passed", status="paused", result=None), 5),
        (job(None, "passed", status="cancelled", result=None), 4),
        (job(None, "passed", status="failed", result=None, error={"class": "user"}), 1),
        (job(None, "passed", status="failed", result=None, error={"class": "infrastructure"}), 6),
        (job(None, status="running", result=None), 2),
    ],
)
def test_every_end_of_a_job_with_gates_has_its_code(found: Job, code: int) -> None:
    assert of_gates(found) == code


@pytest.mark.parametrize(
    "found",
    [
        job(None, "passed"),
        job("no_gate", "failed"),
        job("no_gate", "passed"),
        job("passed", "failed"),
        job("passed", "passed", result=None),
        job("passed", "passed", result={"gates": []}),
        job("passed", "passed", "passed", result={"gates": [judged("passed")]}),
        job("splendid", "passed"),
        job("passed", "splendid"),
    ],
)
def test_what_says_two_things_has_not_passed(found: Job) -> None:
    assert of_gates(found) is Exit.GATE


def test_inconclusive_gates_pass_where_that_is_allowed_and_nothing_else_does() -> None:
    assert of_gates(job("gate_inconclusive", "passed", "inconclusive"), allow_inconclusive=True) == 0
    assert of_gates(job("gate_failed", "failed", "inconclusive"), allow_inconclusive=True) == 3
    assert of_gates(job("export_failed", "inconclusive"), allow_inconclusive=True) == 3
    assert of_gates(job("gate_inconclusive", "failed"), allow_inconclusive=True) == 3
    assert of_gates(job("no_gate"), allow_inconclusive=True) == 2


@given(
    st.sampled_from(["passed", "gate_failed", "gate_inconclusive", "export_failed", "no_gate", None, "?"]),
    st.lists(st.sampled_from(["passed", "failed", "inconclusive", "?"]), max_size=3),
    st.sampled_from(["queued", "running", "paused", "succeeded", "failed", "cancelled"]),
    st.booleans(),
)
def test_nothing_but_a_job_whose_gates_all_passed_gives_zero(
    conclusion: str | None, verdicts: list[str], status: Any, allowed: bool
) -> None:
    code = of_gates(job(conclusion, *verdicts, status=status), allow_inconclusive=allowed)

    if code == 0:
        assert status == "succeeded"
        assert verdicts
        assert set(verdicts) <= ({"passed", "inconclusive"} if allowed else {"passed"})
        assert conclusion in (
            ("passed", "no_gate", "gate_inconclusive") if allowed else ("passed", "no_gate")
        )


def left(monkeypatch: pytest.MonkeyPatch, found: Job, *arguments: str) -> int:
    """The exit code of `limbeck gate job_1 ARGUMENTS`."""
    service = FakeService(httpx.Response(200, json=found))
    monkeypatch.setattr(gating, "Client", service.client)
    monkeypatch.setattr(terminal, "format", Format.TEXT)
    monkeypatch.setattr(sys, "argv", ["limbeck", "gate", "job_1", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert service.requests[0].url.path == "/v1/jobs/job_1"
    return int(str(ended.value.code or 0))


def test_the_command_shows_each_gate_and_ends_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = left(monkeypatch, job("gate_failed", "passed", "failed"))

    said = capsys.readouterr().out
    assert code == 3
    assert said.count("accuracy of student") == 2
    assert "at least 0.9" in said
    assert "0.950  (0.930 to 0.970)" in said
    assert "360" in said
    assert said.strip().endswith("gate failed")


def test_a_program_gets_the_gates_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = left(monkeypatch, job("gate_inconclusive", "inconclusive"), "--allow-inconclusive", "-o", "json")

    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (said["conclusion"], said["gates"][0]["verdict"]) == ("gate_inconclusive", "inconclusive")


def test_a_job_without_gates_is_bad_usage_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for found, more in product((job("no_gate"), job("export_failed")), ((), ("--allow-inconclusive",))):
        assert left(monkeypatch, found, *more) == 2
        assert "job_1 has no gates" in capsys.readouterr().err
