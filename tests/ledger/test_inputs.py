"""Jobs that need several models: each counts while one waits, claims, plans and deletes."""

from typing import Any

import pytest
from sqlalchemy import select

from distill.config.document import parse_job
from distill.config.events import Failed
from ledger import catalog, lifecycle, queries
from ledger.database import Sessions
from ledger.errors import InUse, SpecInvalid
from ledger.lifecycle.rejected import fail_jobs_with_rejected_inputs
from ledger.resolve import document_of_job, resolve
from ledger.states import InputStatus, JobStatus
from ledger.tables import Job, JobModel, Model
from tests.ledger.builders import (
    a_dataset,
    a_model,
    claimed,
    finished,
    network,
    raw_document,
    submitted,
    taken,
)

SEVERAL: dict[str, Any] = {
    "teacher": None,
    "teachers": [{"model": "large", "weight": 2.0}, {"model": "small"}],
    "combine": "weighted",
    "student": {"model": "start"},
}


@pytest.fixture
def models(sessions: Sessions, project_id: str) -> dict[str, Model]:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        return {name: a_model(session, project_id, name=name) for name in ("large", "small", "start")}


def inspecting(sessions: Sessions, model: Model, status: InputStatus = InputStatus.INSPECTING) -> None:
    with sessions.writing() as session:
        row = session.get_one(Model, model.id)
        row.status = status
        row.network = network().model_dump(mode="json") if status == InputStatus.READY else None


def test_every_name_becomes_an_id_and_every_model_is_tied_to_the_job_in_order(
    sessions: Sessions, project_id: str, models: dict[str, Model]
) -> None:
    with sessions.writing() as session:
        job = submitted(session, project_id, **SEVERAL)
        tied = session.execute(
            select(JobModel.role, JobModel.position, JobModel.model_id).order_by(
                JobModel.role.desc(), JobModel.position
            )
        ).all()
    assert job.resolved_spec["teachers"] == [
        {"model": models["large"].id, "weight": 2.0},
        {"model": models["small"].id, "weight": 1.0},
    ]
    assert job.resolved_spec["student"]["model"] == models["start"].id
    assert [tuple(row) for row in tied] == [
        ("teacher", 0, models["large"].id),
        ("teacher", 1, models["small"].id),
        ("student", 0, models["start"].id),
    ]


def test_every_unknown_model_is_named_at_its_place(sessions: Sessions, project_id: str) -> None:
    raw = raw_document(**SEVERAL)
    with pytest.raises(SpecInvalid) as refused, sessions.reading() as session:
        resolve(session, project_id=project_id, document=parse_job(raw))
    assert [(problem.pointer, problem.code) for problem in refused.value.problems] == [
        ("/teachers/0/model", "unknown_model"),
        ("/teachers/1/model", "unknown_model"),
        ("/student/model", "unknown_model"),
        ("/dataset", "unknown_dataset"),
    ]


def test_a_job_waits_for_each_of_its_models_and_names_them_all(
    sessions: Sessions, project_id: str, models: dict[str, Model]
) -> None:
    for name in ("small", "start"):
        inspecting(sessions, models[name])
    with sessions.writing() as session:
        job = submitted(
            session,
            project_id,
            **{
                **SEVERAL,
                "teachers": [{"model": m.id} for m in named(models)],
                "student": {"model": models["start"].id},
                "combine": "mean",
            },
        )
        place = queries.queue_position(session, job)
    assert place is not None
    assert place.reason == (
        f"its teacher {models['small'].id} and its student {models['start'].id} are being inspected"
    )
    for name in ("small", "start"):
        with sessions.writing() as session:
            assert lifecycle.claim_next(session, lanes=["cpu"], worker="w", lease_s=60) is None
        inspecting(sessions, models[name], InputStatus.READY)
    with sessions.writing() as session:
        claim = claimed(session)
    assert [teacher.name for teacher in claim.inputs.teachers] == ["large", "small"]
    assert claim.inputs.student is not None
    assert claim.inputs.student.name == "start"


def named(models: dict[str, Model]) -> list[Model]:
    return [models["large"], models["small"]]


@pytest.mark.parametrize(("rejected", "part"), [("small", "teacher"), ("start", "student")])
def test_a_rejected_model_fails_the_jobs_that_wait_for_it_by_name(
    sessions: Sessions, project_id: str, models: dict[str, Model], rejected: str, part: str
) -> None:
    with sessions.writing() as session:
        job = submitted(session, project_id, **SEVERAL)
        unconcerned = submitted(session, project_id)
        row = session.get_one(Model, models[rejected].id)
        row.status, row.problem = InputStatus.REJECTED, {"message": "it is no checkpoint"}
        session.flush()
        fail_jobs_with_rejected_inputs(session)
    with sessions.reading() as session:
        failed = session.get_one(Job, job.id)
        assert session.get_one(Job, unconcerned.id).status == JobStatus.QUEUED
    assert failed.status == JobStatus.FAILED
    assert failed.error is not None
    assert failed.error["message"] == f"the {part} {row.id} was rejected: it is no checkpoint"


@pytest.mark.parametrize("name", ["large", "small", "start"])
def test_no_model_of_a_job_can_be_deleted_before_the_job_is(
    sessions: Sessions, project_id: str, models: dict[str, Model], name: str
) -> None:
    with sessions.writing() as session:
        job = submitted(session, project_id, **SEVERAL)
    with pytest.raises(InUse, match=job.id), sessions.writing() as session:
        catalog.delete_model(session, project_id, models[name].id)
    with sessions.writing() as session:
        lifecycle.cancel(session, project_id, job.id)
        lifecycle.delete_job(session, project_id, job.id)
        catalog.delete_model(session, project_id, models[name].id)


def test_a_clone_needs_the_same_models(sessions: Sessions, project_id: str, models: dict[str, Model]) -> None:
    with sessions.writing() as session:
        original = submitted(session, project_id, **SEVERAL)
        lifecycle.succeed(session, claimed(session).hold, finished=finished(), artifacts=[])
        clone = lifecycle.clone(session, project_id, original.id)
        claim = claimed(session)
    assert claim.job.id == clone.id
    assert [teacher.id for teacher in claim.inputs.teachers] == [model.id for model in named(models)]
    assert claim.inputs.student is not None
    assert claim.inputs.student.id == models["start"].id


def test_a_plan_takes_every_model_and_fails_where_one_is_gone(
    sessions: Sessions, project_id: str, models: dict[str, Model]
) -> None:
    def ask() -> str:
        with sessions.writing() as session:
            found = resolve(session, project_id=project_id, document=parse_job(raw_document(**SEVERAL)))
            return lifecycle.add_plan(session, project_id=project_id, resolved=found).id

    ask()
    claim = taken(sessions)
    assert claim.inputs is not None
    assert [teacher.id for teacher in claim.inputs.teachers] == [model.id for model in named(models)]
    with sessions.writing() as session:
        lifecycle.reject(
            session, claim.hold, Failed(code="too_large", error_class="resource", message="it is too large")
        )
    again = ask()
    with sessions.writing() as session:
        catalog.delete_model(session, project_id, models["small"].id)
        assert lifecycle.claim_chore(session, worker="w", lease_s=60) is None
    with sessions.reading() as session:
        failed = queries.get_chore(session, project_id, again)
    assert failed.error is not None
    assert failed.error["code"] == "input_deleted"


def test_the_document_of_a_job_has_the_stages_that_were_written(
    sessions: Sessions, project_id: str, models: dict[str, Model]
) -> None:
    stages = [{"name": "hints", "losses": [{"kind": "fitnet", "layers": "auto"}]}]
    with sessions.writing() as session:
        job = submitted(session, project_id, stages=stages)
        job.resolved_spec = {**job.resolved_spec, "stages": []}
        session.flush()
    (stage,) = document_of_job(job).course
    assert stage.losses[0].kind == "hint"
