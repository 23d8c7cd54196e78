import pytest

import limbeck
from limbeck.cli.exits import Exit, of_error, of_job
from limbeck.errors import LimbeckError, Problem
from limbeck.objects import Job

PROBLEM = Problem(401, "", "", "", None, (), {})


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ({"status": "succeeded", "conclusion": "passed"}, 0),
        ({"status": "succeeded", "conclusion": "no_gate"}, 0),
        ({"status": "succeeded", "conclusion": "gate_failed"}, 3),
        ({"status": "succeeded", "conclusion": "gate_inconclusive"}, 3),
        ({"status": "succeeded", "conclusion": "export_failed"}, 3),
        ({"status": "failed", "error": {"class": "user"}}, 1),
        ({"status": "failed", "error": {"class": "timeout"}}, 1),
        ({"status": "failed", "error": {"class": "infrastructure"}}, 6),
        ({"status": "cancelled"}, 4),
        ({"status": "queued"}, 5),
        ({"status": "running"}, 5),
        ({"status": "paused"}, 5),
    ],
)
def test_every_end_of_a_job_has_its_code(job: Job, code: int) -> None:
    assert of_job(job) == code


def test_an_inconclusive_gate_passes_where_that_is_allowed() -> None:
    assert of_job({"status": "succeeded", "conclusion": "gate_inconclusive"}, allow_inconclusive=True) == 0
    assert of_job({"status": "succeeded", "conclusion": "gate_failed"}, allow_inconclusive=True) == 3


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (limbeck.Rejected(PROBLEM), Exit.USAGE),
        (limbeck.NotFound(PROBLEM), Exit.USAGE),
        (limbeck.Conflict(PROBLEM), Exit.USAGE),
        (limbeck.NotAuthorized(PROBLEM), Exit.NOT_AUTHORIZED),
        (limbeck.OverQuota(PROBLEM), Exit.NOT_AUTHORIZED),
        (limbeck.Unreachable(), Exit.UNREACHABLE),
        (limbeck.WaitTimedOut(), Exit.STILL_RUNS),
        (LimbeckError(), Exit.USAGE),
    ],
)
def test_every_error_has_its_code(error: LimbeckError, code: Exit) -> None:
    assert of_error(error) is code
