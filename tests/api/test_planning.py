"""The dry run: what a job would be, from a worker for chores."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from distill.config.events import Failed
from ledger import lifecycle
from ledger.database import Sessions
from ledger.lifecycle import ChoreClaim
from tests.api.seeds import PLANNED, STAGES, World
from tests.ledger import builders
from tests.ledger.builders import raw_document


def next_chore(sessions: Sessions) -> ChoreClaim:
    """The chore that the API adds, as soon as it is there."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with sessions.writing() as session:
            claim = lifecycle.claim_chore(session, worker="w1", lease_s=60)
        if claim is not None:
            return claim
    raise AssertionError("nothing was asked")


def asked(pool: ThreadPoolExecutor, client: TestClient, **changes: Any) -> Future:
    return pool.submit(client.post, "/v1/jobs?dry_run=true", json=raw_document(**changes))


def test_a_plan_says_what_the_job_would_be_and_submits_nothing(
    client: TestClient, sessions: Sessions, world: World
):
    before = client.get("/v1/jobs").json()
    with ThreadPoolExecutor(1) as pool:
        answer = asked(pool, client)
        claim = next_chore(sessions)
        with sessions.writing() as session:
            lifecycle.finish_plan(session, claim.hold, PLANNED)
        plan = answer.result(20)

    assert plan.status_code == 200
    assert plan.json()["object"] == "plan"
    assert plan.json()["student"] == {"parameters": 1234, "size_bytes": 4936}
    assert plan.json()["fits_memory"] is True
    assert plan.json()["resolved_spec"]["dataset"] == world.dataset_id
    assert plan.json()["resolved_spec"]["stages"] == [stage.model_dump(mode="json") for stage in STAGES]
    assert "stages" not in plan.json()
    assert client.get("/v1/jobs").json() == before


def test_the_same_question_is_answered_from_what_is_known(
    client: TestClient, sessions: Sessions, world: World, monkeypatch: pytest.MonkeyPatch
):
    with ThreadPoolExecutor(1) as pool:
        answer = asked(pool, client)
        claim = next_chore(sessions)
        with sessions.writing() as session:
            lifecycle.finish_plan(session, claim.hold, PLANNED)
        first = answer.result(20)
    monkeypatch.setattr("api.planning._PATIENCE_S", 0.0)

    again = client.post("/v1/jobs?dry_run=true", json=raw_document())

    assert (again.status_code, again.json()) == (200, first.json())


def test_what_only_a_built_student_can_tell_is_a_422_at_its_place(
    client: TestClient, sessions: Sessions, world: World
):
    failed = Failed(
        code="student_too_large",
        error_class="resource",
        message="the student needs 900 GB, the worker has 8",
        hint="make it narrower",
        details={"pointer": "/student/config"},
    )
    with ThreadPoolExecutor(1) as pool:
        answer = asked(pool, client)
        claim = next_chore(sessions)
        with sessions.writing() as session:
            lifecycle.reject(session, claim.hold, failed)
        refused = answer.result(20)

    assert (refused.status_code, refused.json()["code"]) == (422, "student_too_large")
    assert refused.json()["errors"][0]["pointer"] == "/student/config"
    assert "make it narrower" in refused.json()["detail"]


def test_without_a_planner_the_caller_is_told_when_to_come_back(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.planning._PATIENCE_S", 0.1)

    answer = client.post("/v1/jobs?dry_run=true", json=raw_document())

    assert (answer.status_code, answer.json()["code"]) == (503, "planner_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_inputs_that_are_still_inspected_are_waited_for(
    client: TestClient, sessions: Sessions, project_id: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.planning._PATIENCE_S", 0.1)
    with sessions.writing() as session:
        dataset = builders.a_dataset(session, project_id, status=builders.InputStatus.INSPECTING)

    answer = client.post("/v1/jobs?dry_run=true", json=raw_document())

    assert (answer.status_code, answer.json()["code"]) == (409, "inputs_inspecting")
    assert answer.json()["waiting_for"] == [dataset.id]


def test_a_document_that_cannot_be_is_refused_before_anybody_is_asked(client: TestClient, world: World):
    answer = client.post(
        "/v1/jobs?dry_run=true", json=raw_document(losses=[{"kind": "soft_target", "temperature": 0}])
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/losses/0/temperature"
