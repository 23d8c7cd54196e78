"""`name@alias` wherever a document names a model, and the models that gates put a student beside."""

from typing import Any

import pytest
from sqlalchemy import select

from distill.config.document import parse_job
from ledger import catalog, lifecycle
from ledger.database import Sessions
from ledger.errors import InUse, SpecInvalid
from ledger.inputs import inputs_named, inputs_of
from ledger.resolve import document_of_job, resolve
from ledger.states import InputStatus
from ledger.tables import JobModel, Model
from tests.ledger.builders import a_dataset, a_model, claimed, pointed, raw_document, submitted


def gate(relative_to: str, *, metric: str = "accuracy") -> dict[str, Any]:
    return {"metric": metric, "relative_to": relative_to, "min": 0.9}


def problems(sessions: Sessions, project_id: str, **changes: Any) -> list[tuple[str, str, str]]:
    document = parse_job(raw_document(**changes))
    with pytest.raises(SpecInvalid) as refused, sessions.reading() as session:
        resolve(session, project_id=project_id, document=document)
    return [(problem.pointer, problem.code, problem.detail) for problem in refused.value.problems]


@pytest.fixture
def versions(sessions: Sessions, project_id: str) -> list[Model]:
    """Two of `s`, the older one of which is `s@production`."""
    with sessions.writing() as session:
        a_dataset(session, project_id)
        made = [a_model(session, project_id, name="s", version=version) for version in (1, 2)]
    pointed(sessions, project_id, 1)
    return made


def test_an_alias_stands_for_a_version_wherever_a_document_names_a_model(
    sessions: Sessions, project_id: str, versions: list[Model]
) -> None:
    with sessions.writing() as session:
        job = submitted(
            session,
            project_id,
            teacher="s@production",
            student={"model": "s@production"},
            gates=[gate("s@production"), gate("teacher")],
        )
    old = versions[0].id
    assert job.resolved_spec["teacher"] == job.resolved_spec["student"]["model"] == old
    assert [each["relative_to"] for each in job.resolved_spec["gates"]] == [old, "teacher"]
    assert job.spec["gates"][0]["relative_to"] == "s@production"
    with sessions.reading() as session:
        tied = session.execute(select(JobModel.role, JobModel.model_id).where(JobModel.job_id == job.id))
        assert dict(tied.all()) == dict.fromkeys(("teacher", "student", "incumbent"), old)


def test_a_job_keeps_the_version_that_an_alias_meant_when_it_was_submitted(
    sessions: Sessions, project_id: str, versions: list[Model]
) -> None:
    with sessions.writing() as session:
        job = submitted(session, project_id, gates=[gate("s@production")])
    pointed(sessions, project_id, 2)
    with sessions.writing() as session:
        claim = claimed(session)
        assert claim.document.incumbents == [versions[0].id]
        assert [model.id for model in claim.inputs.incumbents] == [versions[0].id]
    with pytest.raises(InUse) as refused, sessions.writing() as session:
        catalog.delete_model(session, project_id, versions[0].id)
    assert refused.value.users == (job.id,)


def test_each_incumbent_is_tied_once_in_the_order_of_the_gates(
    sessions: Sessions, project_id: str, versions: list[Model]
) -> None:
    gates = [gate("s"), gate("s@production"), gate(versions[1].id, metric="size_bytes"), gate("control")]
    with sessions.writing() as session:
        job = submitted(session, project_id, gates=gates)
    with sessions.reading() as session:
        document = document_of_job(job)
        assert document.incumbents == [versions[1].id, versions[0].id]
        assert [model.id for model in inputs_of(session, job).incumbents] == document.incumbents
        named = inputs_named(session, document)
        assert named is not None
        assert [model.id for model in named.incumbents] == document.incumbents


def test_a_clone_is_put_beside_the_same_model(
    sessions: Sessions, project_id: str, versions: list[Model]
) -> None:
    with sessions.writing() as session:
        job = submitted(session, project_id, gates=[gate("s@production")])
        lifecycle.cancel(session, project_id, job.id)
        copy = lifecycle.clone(session, project_id, job.id)
        assert [model.id for model in inputs_of(session, copy).incumbents] == [versions[0].id]


def test_a_job_waits_for_its_incumbent(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        incumbent = a_model(session, project_id, name="s", status=InputStatus.INSPECTING)
        submitted(session, project_id, gates=[gate("s")])
        assert lifecycle.claim_next(session, lanes=["cpu"], worker="w", lease_s=60) is None
        incumbent.status = InputStatus.REJECTED
    assert problems(sessions, project_id, gates=[gate("teacher"), gate("s")])[0][:2] == (
        "/gates/1/relative_to",
        "input_rejected",
    )


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"teacher": "s@prodution"}, "/teacher"),
        ({"student": {"model": "s@prodution"}}, "/student/model"),
        ({"gates": [gate("teacher"), gate("s@prodution"), gate("s@prodution")]}, "/gates/1/relative_to"),
    ],
)
def test_an_alias_that_points_nowhere_is_refused_with_the_nearest_one(
    sessions: Sessions, project_id: str, versions: list[Model], changes: dict[str, Any], pointer: str
) -> None:
    said = "the model 's' has no alias 'prodution'; it has production"
    assert problems(sessions, project_id, **changes) == [(pointer, "unknown_alias", said)]


def test_an_alias_of_nobody_and_one_of_a_dataset_are_refused(
    sessions: Sessions, project_id: str, other_project_id: str, versions: list[Model]
) -> None:
    with sessions.writing() as session:
        a_dataset(session, other_project_id)
    stranger = problems(sessions, other_project_id, teacher="s@production")
    assert stranger == [("/teacher", "unknown_model", "there is no model 's'; register it first")]
    ours = problems(sessions, project_id, dataset="digits@production")
    assert [found[:2] for found in ours] == [("/dataset", "unknown_dataset")]
